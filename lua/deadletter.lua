#!lua flags=allow-oom
-- deadletter.lua: moves one entry from the orders stream's pending list to the dead letters, in one step.
-- allow-oom: an entry that can't be stored must not hold up the others, which make room once they are stored.
--
-- KEYS   1 orders (stream)  2 dlq (stream)  3 lease (lease.lua)
-- ARGV   1 database that has the dead letter, as its lease names it  2 consumer group  3 entry id
--        4 … fields and values of the dead letter: ours, named dlq_…, then the entry's own, unchanged
-- Reply  the dead letter's id; "" if the entry was no longer pending, which means that it is a dead letter already;
--        error NOLEASE, nothing done, as acknowledge.lua

local orders_key, dlq_key, lease_key = unpack(KEYS)
local database, group, id = unpack(ARGV, 1, 3)
local holder = redis.call('GET', lease_key)
if not holder or string.match(holder, '^%S+') ~= database then
    return redis.error_reply('NOLEASE the lease has expired, or belongs to another database')
end
if #redis.call('XPENDING', orders_key, group, id, id, 1) == 0 then return '' end
-- First what may fail: if the key is no stream, the entry stays pending.
local letter_id = redis.call('XADD', dlq_key, '*', unpack(ARGV, 4))
redis.call('XACK', orders_key, group, id)
return letter_id
