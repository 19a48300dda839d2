#!lua flags=allow-oom
-- acknowledge.lua: takes entries that SQLite has committed off the worker's pending list.
-- allow-oom: it makes room, and so does what waits for it.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 consumer group  2 position up to which every order is stored or accounted for  3 … entry ids
-- Reply  how many of them were pending
--
-- persisted_position only grows. A sale that Redis has lost is not brought back as half a hash.

local sale_key, orders_key = unpack(KEYS)
local group, position = unpack(ARGV, 1, 2)
local epoch, persisted_position = unpack(redis.call('HMGET', sale_key, 'epoch', 'persisted_position'), 1, 2)
local acknowledged = ARGV[3] and redis.call('XACK', orders_key, group, unpack(ARGV, 3)) or 0
if epoch and tonumber(position) > (tonumber(persisted_position) or 0) then
    redis.call('HSET', sale_key, 'persisted_position', position)
end
return acknowledged
