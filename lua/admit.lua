#!lua flags=allow-oom
-- admit.lua: changes the rate at which a waiting room admits buyers, from now on, and writes the change to the stream,
-- so that SQLite learns of it, and nothing else (control.lua). Buyers who have been admitted stay admitted; later turns
-- move.
-- allow-oom: pausing admission must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 run_id of this Redis  2 pause | resume | tickets a second  3 the most segments of a schedule
-- Reply  1 done, or nothing had to change; otherwise nothing was done: 0 no such sale; -1 it is fenced, or lacks its
--        stream; -2 it has ended; -3 it is being archived; -7 it has no waiting room; -8 it was changed too often:
--        every segment of its schedule has turns that are not over yet
--
-- The last segment ends at the position it has reached, and a new one begins. A segment that has admitted nobody is
-- replaced, so pausing and resuming adds none. A rate given while admission is paused applies once it is resumed.
-- Segments that begin later than now, or than the opening, were added while the clock was ahead: they are dropped.

local sale_key, orders_key = unpack(KEYS)
local run_id, change, segments_max = ARGV[1], ARGV[2], tonumber(ARGV[3])
local epoch, serving_run_id, opens_at, closes_at, sale_paused, archive_id, admission, turn_window_ms,
    turns_since_ms = unpack(redis.call('HMGET', sale_key, 'epoch', 'serving_run_id', 'opens_at', 'closes_at', 'paused',
        'archive_id', 'admission', 'turn_window_ms', 'turns_since_ms'), 1, 9)
if not epoch then return 0 end
if serving_run_id ~= run_id or redis.call('TYPE', orders_key).ok ~= 'stream' then return -1 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at_ms = tonumber(closes_at) or 0
if archive_id then return -3 end
if closes_at_ms > 0 and now_ms >= closes_at_ms then return -2 end
if not admission then return -7 end

local segments = {}
for from, after, rate, state in string.gmatch(admission, '(%d+) (%d+) (%d+) ?(%l*)') do
    segments[#segments + 1] = { from = tonumber(from), after = tonumber(after), rate = tonumber(rate),
        paused = state == 'paused' }
end
if #segments == 0 then return redis.error_reply('ERR the sale has no readable schedule') end

local from = math.max(now_ms, tonumber(opens_at) or 0)
local written = #segments
while #segments > 1 and segments[#segments].from > from do segments[#segments] = nil end
local last = segments[#segments]
local holds = #segments == written and last.from <= from
local rate, paused = last.rate, last.paused
if change == 'pause' then
    paused = true
elseif change == 'resume' then
    paused = false
else
    rate = tonumber(change)
    if not rate or rate < 1 or rate % 1 ~= 0 then return redis.error_reply('ERR pause, resume, or tickets a second') end
end
if holds and rate == last.rate and paused == last.paused then return 1 end

-- The position that the last segment has reached.
local after = last.after
if not last.paused and last.from < from then
    local seconds = math.floor((from - last.from) / 1000)
    after = after + seconds * last.rate + math.floor((from - last.from - seconds * 1000) * last.rate / 1000)
end
if after == last.after then
    segments[#segments] = nil
elseif #segments >= segments_max then
    -- All turns of the first segment begin before the second one does.
    -- While the sale is paused nobody misses a turn (purchase.lua).
    local since = math.max(segments[2].from, sale_paused == '1' and now_ms or tonumber(turns_since_ms) or 0)
    if now_ms <= since + tonumber(turn_window_ms) then return -8 end
    table.remove(segments, 1)
end
segments[#segments + 1] = { from = from, after = after, rate = rate, paused = paused }

local texts = {}
for i, segment in ipairs(segments) do
    texts[i] = string.format('%d %d %d', segment.from, segment.after, segment.rate)
        .. (segment.paused and ' paused' or '')
end
admission = table.concat(texts, ';')
redis.call('HSET', sale_key, 'admission', admission)
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'set', 'at_ms', string.format('%d', now_ms), 'epoch', epoch,
    'admission', admission, 'turn_window_ms', turn_window_ms)
return 1
