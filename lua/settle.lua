#!lua flags=allow-oom
-- settle.lua: takes entries that SQLite has committed off the worker's pending list.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 consumer group  2 position up to which every order is stored or accounted for  3 … entry ids, at least one
-- Reply  how many of them were pending
--
-- persisted_position only grows; a sale that Redis has lost is not brought back as half a hash.

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'persisted_position')
local acknowledged = redis.call('XACK', KEYS[2], ARGV[1], unpack(ARGV, 3))
if saved[1] and tonumber(ARGV[2]) > (tonumber(saved[2]) or 0) then
    redis.call('HSET', KEYS[1], 'persisted_position', ARGV[2])
end
return acknowledged
