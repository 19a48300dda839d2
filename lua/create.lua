#!lua
-- create.lua: puts a new sale on Redis, with the stream event from which SQLite learns of it.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 dlq  7 sales (set)
--        8 witnesses  9 archived sales (set)  10 tickets (hash)  11 joined
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 title  5 stock  6 max_per_buyer
--        7 opens_at in ms or 0  8 closes_at in ms or 0  9 pseudonym key in hexadecimal
--        10 tickets a second that its waiting room admits, 0 without one  11 milliseconds that a turn lasts
-- Reply  1 created; 0 nothing done: a sale of that name, or a part of one, is there already, or was archived

if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[10], KEYS[11]) > 0 then return 0 end
if redis.call('SISMEMBER', KEYS[9], ARGV[2]) == 1 then return 0 end
local kind = redis.call('TYPE', KEYS[7]).ok
if kind ~= 'none' and kind ~= 'set' then return redis.error_reply('ERR the key of all sales is not a set') end

local time = redis.call('TIME')
local created_at = time[1] * 1000 + math.floor(time[2] / 1000)
local now_ms = string.format('%d', created_at)
local room = {}
if tonumber(ARGV[10]) > 0 then
    -- One segment: from the opening on, or from now where that is past.
    room = { 'admission', string.format('%d 0 %d', math.max(created_at, tonumber(ARGV[7])), tonumber(ARGV[10])),
        'turn_window_ms', ARGV[11] }
end
redis.call('HSET', KEYS[1], 'uuid', ARGV[3], 'title', ARGV[4], 'stock_total', ARGV[5], 'max_per_buyer', ARGV[6],
    'opens_at', ARGV[7], 'closes_at', ARGV[8], 'paused', '0', 'epoch', '1', 'schema', '1', 'serving_run_id', ARGV[1],
    'last_at_ms', '0', 'pseudonym_key', ARGV[9], 'persisted_position', '0',
    'withheld', '0', unpack(room))
-- What was witnessed of an earlier sale of this name says nothing of this one.
redis.call('DEL', KEYS[8])
redis.call('SET', KEYS[2], ARGV[5])
redis.call('SET', KEYS[3], '0')
redis.call('XADD', KEYS[5], '*', 'v', '1', 'kind', 'create', 'sale', ARGV[2], 'uuid', ARGV[3], 'title', ARGV[4],
    'stock', ARGV[5], 'max_per_buyer', ARGV[6], 'opens_at', ARGV[7], 'closes_at', ARGV[8], 'pseudonym_key', ARGV[9],
    'at_ms', now_ms, 'epoch', '1', unpack(room))
redis.call('SADD', KEYS[7], ARGV[2])
return 1
