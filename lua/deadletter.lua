#!lua flags=allow-oom
-- deadletter.lua: moves one entry from the orders stream's pending list to the dead letters, in one step.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 orders (stream)  2 dlq (stream)
-- ARGV   1 consumer group  2 entry id  3 1 where the entry is gone from the stream, and maybe from the pending list
--        4 … fields and values of the dead letter: ours, named dlq_…,
--        then those of the entry, unchanged
-- Reply  the dead letter's id; "" where the entry was no longer pending, and so is with the dead letters already

local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('ERR the dead letters are not a stream') end
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 and ARGV[3] ~= '1' then return '' end
return redis.call('XADD', KEYS[2], '*', unpack(ARGV, 4))
