#!lua flags=no-writes
-- status.lua: a sale at one instant.
--
-- KEYS   1 sale (hash)  2 stock  3 position
-- Reply  { } where there is no such sale, else { uuid, title, stock_total, left, position, max_per_buyer, opens_at,
--        closes_at, paused, epoch, serving_run_id, persisted_position, now_ms, admission, turn_window_ms }; a part that
--        is missing is ""

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'title', 'stock_total', 'max_per_buyer', 'opens_at', 'closes_at',
    'paused', 'epoch', 'serving_run_id', 'persisted_position', 'admission', 'turn_window_ms')
if not saved[8] then return {} end
local numbers = redis.call('MGET', KEYS[2], KEYS[3])
local time = redis.call('TIME')
local reply = { saved[1], saved[2], saved[3], numbers[1], numbers[2], saved[4], saved[5], saved[6], saved[7], saved[8],
    saved[9], saved[10], string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)), saved[11],
    saved[12] }
for i = 1, 15 do reply[i] = reply[i] or '' end
return reply
