#!lua
-- repair.lua: completes a sale that this Redis has forgotten, in part or whole, from what SQLite holds. The sale stays
-- fenced: stamp.lua lifts that once both have been compared again.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 sales (set)
--        7 tickets (hash)  8 joined
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 title  5 stock_total  6 max_per_buyer
--        7 opens_at in ms or 0  8 closes_at in ms or 0  9 paused  10 pseudonym key  11 epoch  12 units left
--        13 last position  14 persisted_position  15 last_at_ms  16 units withheld
--        17 18 the last stream id that SQLite has taken in: its milliseconds and its number
--        19 admission, "" without a waiting room  20 turn_window_ms
--        21 … buyer and its wins, in pairs
-- Reply  1 done; 0 nothing done: this Redis serves the sale, or has another sale of that name
--
-- Called several times for many buyers; each call repeats the rest.

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'serving_run_id', 'buyerless_position')
if saved[1] and saved[1] ~= ARGV[3] then return 0 end
-- A sale that lacks a part sells nothing, whoever serves it (purchase.lua).
local function is_whole()
    local numbers = redis.call('MGET', KEYS[2], KEYS[3])
    local position = tonumber(numbers[2])
    if not tonumber(numbers[1]) or not position or redis.call('EXISTS', KEYS[5]) == 0 then return false end
    return redis.call('EXISTS', KEYS[4]) == 1 or position <= (tonumber(saved[3]) or 0)
end
if saved[2] == ARGV[1] and is_whole() then return 0 end
local kinds = { 'hash', 'string', 'string', 'hash', 'stream', 'set', 'hash', 'string' }
for i = 1, 8 do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'none' and kind ~= kinds[i] then
        return redis.error_reply('ERR key ' .. i .. ' is not a ' .. kinds[i])
    end
end

redis.call('HSET', KEYS[1], 'uuid', ARGV[3], 'title', ARGV[4], 'stock_total', ARGV[5], 'max_per_buyer', ARGV[6],
    'opens_at', ARGV[7], 'closes_at', ARGV[8], 'paused', ARGV[9], 'pseudonym_key', ARGV[10], 'epoch', ARGV[11],
    'schema', '1', 'serving_run_id', '', 'last_at_ms', ARGV[15], 'persisted_position', ARGV[14], 'withheld', ARGV[16])
local room = {}
if ARGV[19] ~= '' then
    room = { 'admission', ARGV[19], 'turn_window_ms', ARGV[20] }
    redis.call('HSET', KEYS[1], unpack(room))
else
    redis.call('HDEL', KEYS[1], 'admission', 'turn_window_ms')
end
-- Positions whose counter is lost would be given again: they are forgotten with it, and their tickets are of an older
-- epoch.
if redis.call('EXISTS', KEYS[8]) == 0 then redis.call('UNLINK', KEYS[7]) end
redis.call('SET', KEYS[2], ARGV[12])
redis.call('SET', KEYS[3], ARGV[13])
if #ARGV > 20 then redis.call('HSET', KEYS[4], unpack(ARGV, 21)) end
-- Where all that was won is lost, no buyer has a position: only of a later win the buyers can be missing.
redis.call('HSET', KEYS[1], 'buyerless_position', redis.call('EXISTS', KEYS[4]) == 0 and ARGV[13] or '0')
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local is_lost = redis.call('EXISTS', KEYS[5]) == 0
-- Where the clock was set back meanwhile, and the stream is lost or an older copy: ids at or below the last that SQLite
-- has taken in would be taken for entries that are known. They go on behind it.
local id = '*'
if now_ms <= tonumber(ARGV[17]) then
    local last = ARGV[17] .. '-' .. ARGV[18]
    if #redis.call('XRANGE', KEYS[5], last, '+', 'COUNT', '1') == 0 then
        id = ARGV[17] .. '-' .. string.format('%d', tonumber(ARGV[18]) + 1)
    end
end
if is_lost or id ~= '*' then
    redis.call('XADD', KEYS[5], id, 'v', '1', 'kind', 'create', 'sale', ARGV[2], 'uuid', ARGV[3], 'title', ARGV[4],
        'stock', ARGV[5], 'max_per_buyer', ARGV[6], 'opens_at', ARGV[7], 'closes_at', ARGV[8],
        'paused', ARGV[9], 'pseudonym_key', ARGV[10], 'at_ms', string.format('%d', now_ms), 'epoch', ARGV[11],
        unpack(room))
end
redis.call('SADD', KEYS[6], ARGV[2])
return 1
