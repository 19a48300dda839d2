#!lua flags=allow-oom
-- control.lua: pauses, resumes or closes a sale, and writes the change to the stream, so that SQLite learns of it.
-- allow-oom: freeing entries and stopping a sale must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 pause | resume | close
-- Reply  1 done; 0 nothing done: there is no such sale. A sale without its stream is an error: SQLite would not learn
--        of the change, and would undo it when it completes this Redis

local sale_key, orders_key = unpack(KEYS)
local action = ARGV[1]
local epoch, opens_at, old_closes_at, old_paused, archive_id, admission, turn_window_ms = unpack(redis.call('HMGET',
    sale_key, 'epoch', 'opens_at', 'closes_at', 'paused', 'archive_id', 'admission', 'turn_window_ms'), 1, 7)
if not epoch then return 0 end
if archive_id then return redis.error_reply('ERR the sale is being archived: nothing changes it any more') end
if redis.call('TYPE', orders_key).ok ~= 'stream' then return redis.error_reply('ERR the sale has no orders stream') end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at, paused = old_closes_at, old_paused
if action == 'pause' then
    paused = '1'
elseif action == 'resume' then
    paused = '0'
elseif action == 'close' then
    local closes_at_ms = tonumber(closes_at) or 0
    -- A sale that has ended keeps its closing time.
    if closes_at_ms == 0 or closes_at_ms > now_ms then closes_at = string.format('%d', now_ms) end
else
    return redis.error_reply('ERR the action is pause, resume or close')
end
if closes_at == old_closes_at and paused == old_paused then return 1 end
redis.call('HSET', sale_key, 'closes_at', closes_at, 'paused', paused)
local room = {}
if admission then
    room = { 'admission', admission, 'turn_window_ms', turn_window_ms }
    -- Nobody misses a turn while nothing can be bought: windows start again.
    if paused == '0' and old_paused == '1' then
        redis.call('HSET', sale_key, 'turns_since_ms', string.format('%d', now_ms))
    end
end
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'set', 'opens_at', opens_at, 'closes_at', closes_at,
    'paused', paused, 'at_ms', string.format('%d', now_ms), 'epoch', epoch, unpack(room))
return 1
