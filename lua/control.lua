#!lua flags=allow-oom
-- control.lua: pauses, resumes or closes a sale, and says so to the stream, so that SQLite knows it too.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 pause | resume | close
-- Reply  1 done; 0 nothing done: there is no such sale. A sale without its stream is an error: SQLite would not learn
--        of the change, and undo it when it completes this Redis

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'opens_at', 'closes_at', 'paused', 'archive_id', 'admission',
    'turn_window_ms')
if not saved[1] then return 0 end
if saved[5] then return redis.error_reply('ERR the sale is being archived: nothing changes it any more') end
if redis.call('TYPE', KEYS[2]).ok ~= 'stream' then return redis.error_reply('ERR the sale has no orders stream') end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at, paused = saved[3], saved[4]
if ARGV[1] == 'pause' then
    paused = '1'
elseif ARGV[1] == 'resume' then
    paused = '0'
elseif ARGV[1] == 'close' then
    local closes_at_ms = tonumber(closes_at) or 0
    -- A sale that has ended stays ended at the time it did.
    if closes_at_ms == 0 or closes_at_ms > now_ms then closes_at = string.format('%d', now_ms) end
else
    return redis.error_reply('ERR the action is pause, resume or close')
end
if closes_at == saved[3] and paused == saved[4] then return 1 end
redis.call('HSET', KEYS[1], 'closes_at', closes_at, 'paused', paused)
local room = {}
if saved[6] then
    room = { 'admission', saved[6], 'turn_window_ms', saved[7] }
    -- Nobody misses a turn while nothing can be bought: windows begin anew.
    if paused == '0' and saved[4] == '1' then
        redis.call('HSET', KEYS[1], 'turns_since_ms', string.format('%d', now_ms))
    end
end
redis.call('XADD', KEYS[2], '*', 'v', '1', 'kind', 'set', 'opens_at', saved[2], 'closes_at', closes_at,
    'paused', paused, 'at_ms', string.format('%d', now_ms), 'epoch', saved[1], unpack(room))
return 1
