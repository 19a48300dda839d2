#!lua
-- erase.lua: puts the erased name of a buyer in the place of the real one, once the sale has ended.
--
-- KEYS   1 sale (hash)  2 buyers (hash)
-- ARGV   1 buyer  2 the name that stands for it  3 the buyer's field as it was read  4 what the other one's shall be
-- Reply  1 done; 0 nothing done: the field is not as it was read; -1 nothing done: the sale has not ended
--
-- Not before the end: until then the field is what answers the buyer's retries and holds its limit.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at = tonumber(redis.call('HGET', KEYS[1], 'closes_at')) or 0
if closes_at == 0 or now_ms < closes_at then return -1 end
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
