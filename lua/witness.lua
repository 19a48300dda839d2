#!lua
-- witness.lua: an API process says up to which position it has told buyers that they won. Where Redis and SQLite have
-- both lost their newest part, that is how the loss is noticed.
--
-- KEYS   1 witnesses (hash: process -> "uuid position units_left")  2 archived sales (set)
-- ARGV   1 process  2 uuid of the sale  3 position  4 units left after it  5 the sale's name
-- Reply  1; 0 nothing done, as the sale is archived: SQLite has all of it

if redis.call('SISMEMBER', KEYS[2], ARGV[5]) == 1 then return 0 end
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('ERR the witnesses are not a hash') end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return 1
