#!lua flags=no-writes
-- status.lua: a sale at one instant.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers (hash)
-- Reply  { } where there is no such sale, else { uuid, title, stock_total, left, position, max_per_buyer, opens_at,
--        closes_at, paused, epoch, serving_run_id, persisted_position, now_ms, admission, turn_window_ms,
--        buyers }; a part that is missing is ""; buyers is 1 where they are there, or nobody has won

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'title', 'stock_total', 'max_per_buyer', 'opens_at', 'closes_at',
    'paused', 'epoch', 'serving_run_id', 'persisted_position', 'admission', 'turn_window_ms', 'buyerless_position')
if not saved[8] then return {} end
local numbers = redis.call('MGET', KEYS[2], KEYS[3])
local time = redis.call('TIME')
local reply = { saved[1], saved[2], saved[3], numbers[1], numbers[2], saved[4], saved[5], saved[6], saved[7], saved[8],
    saved[9], saved[10], string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)), saved[11],
    saved[12] }
local won = (tonumber(numbers[2]) or 0) > (tonumber(saved[13]) or 0)
reply[16] = (not won or redis.call('EXISTS', KEYS[4]) == 1) and '1' or ''
for i = 1, 15 do reply[i] = reply[i] or '' end
return reply
