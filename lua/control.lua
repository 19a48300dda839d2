#!lua flags=allow-oom
-- control.lua: pauses, resumes or closes a sale, and writes the change to the stream, so that SQLite learns of it.
-- allow-oom: stopping a sale must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 run_id of this Redis, or "" to change the sale even if it is fenced  2 pause | resume | close
-- Reply  1 done; otherwise nothing was done: 0 no such sale; -1 it is fenced, or lacks its stream; -3 it is being
--        archived
--
-- The event says only what is changed: a Redis that has not been compared with SQLite may have older settings, and
-- would make them the newest.

local sale_key, orders_key = unpack(KEYS)
local run_id, action = unpack(ARGV)
local epoch, serving_run_id, closes_at, paused, archive_id, admission = unpack(redis.call('HMGET', sale_key, 'epoch',
    'serving_run_id', 'closes_at', 'paused', 'archive_id', 'admission'), 1, 6)
if not epoch then return 0 end
if run_id ~= '' and serving_run_id ~= run_id then return -1 end
if redis.call('TYPE', orders_key).ok ~= 'stream' then return -1 end
if archive_id then return -3 end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local at_ms = string.format('%d', now_ms)
local field, value
if action == 'close' then
    local closes_at_ms = tonumber(closes_at) or 0
    -- A sale that has ended keeps its closing time.
    if closes_at_ms > 0 and closes_at_ms <= now_ms then return 1 end
    field, value = 'closes_at', at_ms
elseif action == 'pause' or action == 'resume' then
    field, value = 'paused', action == 'pause' and '1' or '0'
    -- What holds on a fenced Redis already may be news to SQLite.
    if value == paused and run_id ~= '' then return 1 end
else
    return redis.error_reply('ERR the action is pause, resume or close')
end
redis.call('HSET', sale_key, field, value)
-- Nobody misses a turn while nothing can be bought: windows start again.
if admission and action == 'resume' then redis.call('HSET', sale_key, 'turns_since_ms', at_ms) end
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'set', 'at_ms', at_ms, 'epoch', epoch, field, value)
return 1
