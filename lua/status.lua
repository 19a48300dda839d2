#!lua flags=no-writes
-- status.lua: a sale at one instant.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers (hash)  5 orders (stream)
-- Reply  { } if there is no such sale, else { uuid, title, stock_total, left, position, max_per_buyer, opens_at,
--        closes_at, paused, epoch, serving_run_id, persisted_position, now_ms, admission, turn_window_ms,
--        buyers, stream }; a missing part is ""; buyers is 1 if they are there, or if nobody has won; stream is 1
--        if it is there

local sale_key, stock_key, position_key, buyers_key, orders_key = unpack(KEYS)
local uuid, title, stock_total, max_per_buyer, opens_at, closes_at, paused, epoch, serving_run_id, persisted_position,
    admission, turn_window_ms, buyerless_position = unpack(redis.call('HMGET', sale_key, 'uuid', 'title', 'stock_total',
    'max_per_buyer', 'opens_at', 'closes_at', 'paused', 'epoch', 'serving_run_id', 'persisted_position', 'admission',
    'turn_window_ms', 'buyerless_position'), 1, 13)
if not epoch then return {} end
local left, position = unpack(redis.call('MGET', stock_key, position_key), 1, 2)
local time = redis.call('TIME')
local now_ms = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local has_won = (tonumber(position) or 0) > (tonumber(buyerless_position) or 0)
local has_buyers = not has_won or redis.call('EXISTS', buyers_key) == 1
local has_stream = redis.call('EXISTS', orders_key) == 1
local reply = { uuid, title, stock_total, left, position, max_per_buyer, opens_at, closes_at, paused, epoch,
    serving_run_id, persisted_position, now_ms, admission, turn_window_ms, has_buyers and '1', has_stream and '1' }
for i = 1, 17 do reply[i] = reply[i] or '' end
return reply
