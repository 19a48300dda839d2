#!lua flags=allow-oom
-- deadletter.lua: moves one entry from the orders stream's pending list to the dead letters, in one step.
-- allow-oom: freeing entries and stopping a sale must not wait for memory.
--
-- KEYS   1 orders (stream)  2 dlq (stream)
-- ARGV   1 consumer group  2 entry id  3 1 if the entry is gone from the stream, and maybe from the pending list
--        4 … fields and values of the dead letter: ours, named dlq_…, then the entry's own, unchanged
-- Reply  the dead letter's id; "" if the entry was no longer pending, which means that it is a dead letter already

local orders_key, dlq_key = unpack(KEYS)
local group, id, is_gone = unpack(ARGV, 1, 3)
local kind = redis.call('TYPE', dlq_key).ok
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('ERR the dead letters are not a stream') end
if redis.call('XACK', orders_key, group, id) == 0 and is_gone ~= '1' then return '' end
return redis.call('XADD', dlq_key, '*', unpack(ARGV, 4))
