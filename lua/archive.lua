#!lua flags=allow-oom
-- archive.lua: begins to archive a sale that has ended. Adds the last event to its stream, which makes the worker mark
-- the sale as archived in SQLite; free.lua does the rest after that. From here on nothing changes the sale
-- (restock.lua, set.lua).
-- allow-oom: what it leads to makes room.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 run_id of this Redis  2 uuid
-- Reply  the event's id; otherwise nothing was done: 0 no such sale, or another one of its name; -1 it is fenced, or
--        has no stream; -2 it has not ended
--
-- Called again, it returns the same id and adds nothing, unless an entry follows the event (a win while the clock was
-- set back): then the event is no longer the last entry, and another one is added.

local sale_key, orders_key = unpack(KEYS)
local run_id, given_uuid = unpack(ARGV)
local uuid, serving_run_id, closes_at, archive_id, epoch = unpack(redis.call('HMGET', sale_key, 'uuid',
    'serving_run_id', 'closes_at', 'archive_id', 'epoch'), 1, 5)
if not uuid or uuid ~= given_uuid then return 0 end
if serving_run_id ~= run_id or redis.call('TYPE', orders_key).ok ~= 'stream' then return -1 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at_ms = tonumber(closes_at) or 0
if closes_at_ms == 0 or now_ms < closes_at_ms then return -2 end

local last = redis.call('XREVRANGE', orders_key, '+', '-', 'COUNT', '1')[1]
if archive_id and last and last[1] == archive_id then return archive_id end
local id = redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'archive', 'at_ms', string.format('%d', now_ms),
    'epoch', epoch)
redis.call('HSET', sale_key, 'archive_id', id)
return id
