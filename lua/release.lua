#!lua
-- release.lua: puts units back on sale that were withheld for orders that both stores had lost.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis
-- Reply  the units released; 0 if none are withheld; -1 nothing done: no such sale; -2 nothing done: it is fenced, or
--        being archived

local sale_key, stock_key, orders_key = unpack(KEYS)
local run_id = ARGV[1]
local epoch, serving_run_id, withheld, archive_id = unpack(redis.call('HMGET', sale_key, 'epoch', 'serving_run_id',
    'withheld', 'archive_id'), 1, 4)
if not epoch then return -1 end
if serving_run_id ~= run_id or archive_id or redis.call('TYPE', orders_key).ok ~= 'stream' then return -2 end
if not tonumber(redis.call('GET', stock_key)) then return -2 end
local units = tonumber(withheld) or 0
if units == 0 then return 0 end
local time = redis.call('TIME')
redis.call('INCRBY', stock_key, units)
redis.call('HSET', sale_key, 'withheld', '0')
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'release', 'units', string.format('%d', units),
    'at_ms', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)), 'epoch', epoch)
return units
