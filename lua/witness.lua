#!lua
-- witness.lua: records the highest position that an API process has confirmed to a buyer. If Redis and SQLite have both
-- lost their newest part, this is how the loss is noticed.
--
-- KEYS   1 witnesses (hash: process -> "uuid position units_left")  2 archived sales (set)
-- ARGV   1 process  2 uuid of the sale  3 position  4 units left then  5 the sale's name
-- Reply  1; 0 nothing done, because the sale is archived: SQLite has all of it

local witnesses_key, archived_key = unpack(KEYS)
local process, uuid, position, left, name = unpack(ARGV)
if redis.call('SISMEMBER', archived_key, name) == 1 then return 0 end
local kind = redis.call('TYPE', witnesses_key).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('ERR the witnesses are not a hash') end
redis.call('HSET', witnesses_key, process, uuid .. ' ' .. position .. ' ' .. left)
return 1
