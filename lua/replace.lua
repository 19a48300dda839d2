#!lua
-- replace.lua: takes an entry off a stream and puts another one at its end, in one step.
--
-- KEYS   1 stream
-- ARGV   1 consumer group  2 id of the entry  3 … fields and values of the other one; none: nothing takes its place
-- Reply  the other one's id; "" where nothing took its place, or the entry was not there and nothing is done

if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return '' end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if #ARGV < 4 then return '' end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
