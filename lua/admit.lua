#!lua flags=allow-oom
-- admit.lua: changes how fast a waiting room admits, from this moment on, and says so to the stream, so that SQLite
-- knows it too. Whoever was admitted stays admitted; later turns move.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 run_id of this Redis  2 pause | resume | tickets a second
-- Reply  1 done, also where it was so already; otherwise nothing was done: 0 no such sale; -1 it is fenced, or lacks
--        its stream; -2 it has ended; -3 it is being archived; -7 it has no waiting room; -8 it was changed too often:
--        every segment of its schedule has turns that are not over yet
--
-- The last segment ends where it has come to, and another begins; one that has admitted nobody is replaced, so that
-- pausing and going on adds nothing. A rate that is given while admission is paused is that at which it will go on.

local segments_max = 64
local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'opens_at', 'closes_at', 'paused', 'archive_id',
    'admission', 'turn_window_ms', 'turns_since_ms')
if not saved[1] then return 0 end
if saved[2] ~= ARGV[1] or redis.call('TYPE', KEYS[2]).ok ~= 'stream' then return -1 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at = tonumber(saved[4]) or 0
if saved[6] then return -3 end
if closes_at > 0 and now_ms >= closes_at then return -2 end
if not saved[7] then return -7 end

local segments = {}
for from, after, rate, state in string.gmatch(saved[7], '(%d+) (%d+) (%d+) ?(%l*)') do
    segments[#segments + 1] = { from = tonumber(from), after = tonumber(after), rate = tonumber(rate),
        paused = state == 'paused' }
end
if #segments == 0 then return redis.error_reply('ERR the sale has no readable schedule') end

local last = segments[#segments]
local rate, paused = last.rate, last.paused
if ARGV[2] == 'pause' then
    paused = true
elseif ARGV[2] == 'resume' then
    paused = false
else
    rate = tonumber(ARGV[2])
    if not rate or rate < 1 or rate % 1 ~= 0 then return redis.error_reply('ERR pause, resume, or tickets a second') end
end
if rate == last.rate and paused == last.paused then return 1 end

-- Where the last segment has come to. Before it begins, and where the clock was set back, it is still at its beginning.
local from, after = math.max(now_ms, last.from), last.after
if not last.paused then
    local seconds = math.floor((from - last.from) / 1000)
    after = after + seconds * last.rate + math.floor((from - last.from - seconds * 1000) * last.rate / 1000)
end
if after == last.after then
    segments[#segments] = nil
elseif #segments >= segments_max then
    -- The turns of the first are all over by the beginning of the second.
    local since = math.max(segments[2].from, tonumber(saved[9]) or 0)
    if now_ms <= since + tonumber(saved[8]) then return -8 end
    table.remove(segments, 1)
end
segments[#segments + 1] = { from = from, after = after, rate = rate, paused = paused }

local texts = {}
for i, segment in ipairs(segments) do
    texts[i] = string.format('%d %d %d', segment.from, segment.after, segment.rate)
        .. (segment.paused and ' paused' or '')
end
local admission = table.concat(texts, ';')
redis.call('HSET', KEYS[1], 'admission', admission)
redis.call('XADD', KEYS[2], '*', 'v', '1', 'kind', 'set', 'opens_at', saved[3], 'closes_at', saved[4],
    'paused', saved[5], 'at_ms', string.format('%d', now_ms), 'epoch', saved[1], 'admission', admission,
    'turn_window_ms', saved[8])
return 1
