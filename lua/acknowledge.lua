#!lua flags=allow-oom
-- acknowledge.lua: takes entries that SQLite has committed off the worker's pending list.
-- allow-oom: it makes room, and so does what waits for it.
--
-- KEYS   1 sale (hash)  2 orders (stream)  3 lease (lease.lua)
-- ARGV   1 database that they are committed to, as its lease names it  2 consumer group
--        3 position up to which every order is stored or accounted for  4 … entry ids
-- Reply  how many of them were pending; error NOLEASE, nothing done: the worker with that database hung for so long
--        that one with another database may have taken over, which then needs the entries
--
-- persisted_position only grows. A sale that Redis has lost is not brought back as half a hash.

local sale_key, orders_key, lease_key = unpack(KEYS)
local database, group, position = unpack(ARGV, 1, 3)
local holder = redis.call('GET', lease_key)
if not holder or string.match(holder, '^%S+') ~= database then
    return redis.error_reply('NOLEASE the lease has expired, or belongs to another database')
end
local epoch, persisted_position = unpack(redis.call('HMGET', sale_key, 'epoch', 'persisted_position'), 1, 2)
local acknowledged = ARGV[4] and redis.call('XACK', orders_key, group, unpack(ARGV, 4)) or 0
if epoch and tonumber(position) > (tonumber(persisted_position) or 0) then
    redis.call('HSET', sale_key, 'persisted_position', position)
end
return acknowledged
