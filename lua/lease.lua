#!lua flags=allow-oom
-- lease.lua: gives one worker the right to work on this Redis for a while, or tells who has it.
-- allow-oom: what the worker stores makes room.
--
-- KEYS   1 lease (string that expires)
-- ARGV   1 the worker that asks  2 for how long, in ms
-- Reply  the worker that has it: the one that asks, if nobody else had it

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
