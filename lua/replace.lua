#!lua
-- replace.lua: deletes an entry of a stream and appends another one, in one step.
--
-- KEYS   1 stream
-- ARGV   1 consumer group  2 id of the entry  3 … fields and values of the new entry; if there are none, nothing is
--        appended
-- Reply  the new entry's id; "" if nothing was appended, or if the entry was not there and nothing was done

local stream_key = KEYS[1]
local group, id = unpack(ARGV, 1, 2)
if redis.call('XDEL', stream_key, id) == 0 then return '' end
redis.call('XACK', stream_key, group, id)
if #ARGV < 4 then return '' end
return redis.call('XADD', stream_key, '*', unpack(ARGV, 3))
