#!lua
-- release.lua: puts units back on sale that were withheld for orders that both stores had lost.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis
-- Reply  the units released; 0 where none are withheld; -1 nothing done: no such sale; -2 nothing done: it is fenced,
--        or being archived

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'withheld', 'archive_id')
if not saved[1] then return -1 end
if saved[2] ~= ARGV[1] or saved[4] or redis.call('TYPE', KEYS[3]).ok ~= 'stream' then return -2 end
if not tonumber(redis.call('GET', KEYS[2])) then return -2 end
local withheld = tonumber(saved[3]) or 0
if withheld == 0 then return 0 end
local time = redis.call('TIME')
redis.call('INCRBY', KEYS[2], withheld)
redis.call('HSET', KEYS[1], 'withheld', '0')
redis.call('XADD', KEYS[3], '*', 'v', '1', 'kind', 'release', 'units', string.format('%d', withheld),
    'at_ms', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)), 'epoch', saved[1])
return withheld
