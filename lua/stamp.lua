#!lua flags=allow-oom
-- stamp.lua: lifts the fence of a sale: lets this Redis sell it, once it has been compared with SQLite.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 stock  3 position
-- ARGV   1 run_id of this Redis  2 uuid  3 epoch  4 units left  5 last position, all as they were when compared
-- Reply  1 stamped; 0 nothing done: the sale is not as it was compared
--
-- A sale that this Redis serves already is left as it is (1): its numbers may move while it sells. In a waiting room
-- nobody misses a turn while nothing can be bought: windows begin anew.

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'epoch', 'serving_run_id', 'admission')
if saved[1] ~= ARGV[2] or saved[2] ~= ARGV[3] then return 0 end
if saved[3] == ARGV[1] then return 1 end
local numbers = redis.call('MGET', KEYS[2], KEYS[3])
if numbers[1] ~= ARGV[4] or numbers[2] ~= ARGV[5] then return 0 end
redis.call('HSET', KEYS[1], 'serving_run_id', ARGV[1])
if saved[4] then
    local time = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'turns_since_ms', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)))
end
return 1
