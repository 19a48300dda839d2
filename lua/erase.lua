#!lua
-- erase.lua: replaces a buyer's name by the erased one, once the sale has ended.
--
-- KEYS   1 sale (hash)  2 buyers (hash)
-- ARGV   1 buyer  2 the erased name  3 the buyer's field as it was read  4 the field to write under the erased name
-- Reply  1 done; 0 nothing done: the field is not as it was read; -1 nothing done: the sale has not ended
--
-- Until the sale ends the field answers the buyer's retries and holds its limit.

local sale_key, buyers_key = unpack(KEYS)
local buyer, erased_name, expected, replacement = unpack(ARGV)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at = tonumber(redis.call('HGET', sale_key, 'closes_at')) or 0
if closes_at == 0 or now_ms < closes_at then return -1 end
if redis.call('HGET', buyers_key, buyer) ~= expected then return 0 end
redis.call('HSET', buyers_key, erased_name, replacement)
redis.call('HDEL', buyers_key, buyer)
return 1
