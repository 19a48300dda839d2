#!lua flags=no-writes
-- queue.lua: a sale's waiting room at one instant.
--
-- KEYS   1 sale (hash)  2 stock  3 tickets  4 joined
-- ARGV   1 run_id of the Redis that the caller is connected to
-- Reply  { } if there is no such sale, else { uuid, epoch, admission, turn_window_ms, turns_since_ms, last position
--        given, buyers who have joined, stock_total, left, closes_at, pseudonym_key, now_ms }; a missing part is ""

local sale_key, stock_key, tickets_key, joined_key = unpack(KEYS)
local run_id = ARGV[1]
local uuid, epoch, serving_run_id, paused, admission, turn_window_ms, turns_since_ms, stock_total, closes_at,
    pseudonym_key = unpack(redis.call('HMGET', sale_key, 'uuid', 'epoch', 'serving_run_id', 'paused', 'admission',
        'turn_window_ms', 'turns_since_ms', 'stock_total', 'closes_at', 'pseudonym_key'), 1, 10)
if not epoch then return {} end
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
-- While the sale is paused (purchase.lua) or fenced (stamp.lua) nobody misses a turn.
if paused == '1' or serving_run_id ~= run_id then turns_since_ms = now end
local reply = { uuid, epoch, admission, turn_window_ms, turns_since_ms or '0', redis.call('GET', joined_key) or '0',
    redis.call('HLEN', tickets_key), stock_total, redis.call('GET', stock_key), closes_at, pseudonym_key,
    now }
for i = 1, 12 do reply[i] = reply[i] or '' end
return reply
