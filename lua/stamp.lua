#!lua flags=allow-oom
-- stamp.lua: lifts the fence of a sale: this Redis may sell it, now that it has been compared with SQLite.
-- allow-oom: a fence that stays for want of memory would stop a sale that is all right.
--
-- KEYS   1 sale (hash)  2 stock  3 position
-- ARGV   1 run_id of this Redis  2 uuid  3 epoch  4 units left  5 last position, all as they were when compared
-- Reply  1 stamped; 0 nothing done: the sale is not as it was when compared
--
-- A sale that this Redis serves already is left as it is (1): its numbers may change while it sells. In a waiting room
-- nobody misses a turn while nothing can be bought: windows start again.

local sale_key, stock_key, position_key = unpack(KEYS)
local run_id, compared_uuid, compared_epoch, compared_left, compared_position = unpack(ARGV)
local uuid, epoch, serving_run_id, admission = unpack(redis.call('HMGET', sale_key, 'uuid', 'epoch', 'serving_run_id',
    'admission'), 1, 4)
if uuid ~= compared_uuid or epoch ~= compared_epoch then return 0 end
if serving_run_id == run_id then return 1 end
local left, position = unpack(redis.call('MGET', stock_key, position_key), 1, 2)
if left ~= compared_left or position ~= compared_position then return 0 end
redis.call('HSET', sale_key, 'serving_run_id', run_id)
if admission then
    local time = redis.call('TIME')
    redis.call('HSET', sale_key, 'turns_since_ms', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)))
end
return 1
