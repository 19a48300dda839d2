#!lua flags=no-writes
-- queue.lua: a sale's waiting room at one instant.
--
-- KEYS   1 sale (hash)  2 stock  3 tickets  4 joined
-- Reply  { } where there is no such sale, else { uuid, epoch, admission, turn_window_ms, turns_since_ms, last position
--        given, buyers who have joined, stock_total, left, closes_at, pseudonym_key, now_ms }; a part that is missing
--        is ""

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'epoch', 'admission', 'turn_window_ms', 'turns_since_ms',
    'stock_total', 'closes_at', 'pseudonym_key')
if not saved[2] then return {} end
local time = redis.call('TIME')
local reply = { saved[1], saved[2], saved[3], saved[4], saved[5] or '0', redis.call('GET', KEYS[4]) or '0',
    redis.call('HLEN', KEYS[3]), saved[6], redis.call('GET', KEYS[2]), saved[7], saved[8],
    string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)) }
for i = 1, 12 do reply[i] = reply[i] or '' end
return reply
