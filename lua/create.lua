#!lua
-- create.lua: creates a sale on Redis, with the stream event from which SQLite learns of it.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 dlq  7 sales (set)
--        8 witnesses  9 archived sales (set)  10 tickets (hash)  11 joined
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 title  5 stock  6 max_per_buyer
--        7 opens_at in ms or 0  8 closes_at in ms or 0  9 pseudonym key in hexadecimal
--        10 tickets a second that its waiting room admits, 0 without one  11 milliseconds that a turn lasts
-- Reply  1 created; 0 nothing done: a sale of that name, or a part of one, is there already, or was archived

local sale_key, stock_key, position_key, buyers_key, orders_key, dlq_key, sales_key, witnesses_key, archived_key,
    tickets_key, joined_key = unpack(KEYS)
local run_id, name, uuid, title, stock, max_per_buyer, opens_at, closes_at, pseudonym_key, rate, turn_window_ms =
    unpack(ARGV)

if redis.call('EXISTS', sale_key, stock_key, position_key, buyers_key, orders_key, dlq_key, tickets_key,
    joined_key) > 0 then
    return 0
end
if redis.call('SISMEMBER', archived_key, name) == 1 then return 0 end
local kind = redis.call('TYPE', sales_key).ok
if kind ~= 'none' and kind ~= 'set' then return redis.error_reply('ERR the key of all sales is not a set') end

local time = redis.call('TIME')
local created_at = time[1] * 1000 + math.floor(time[2] / 1000)
local now_ms = string.format('%d', created_at)
local room = {}
if tonumber(rate) > 0 then
    -- One segment: from the opening on, or from now if that has passed.
    room = { 'admission', string.format('%d 0 %d', math.max(created_at, tonumber(opens_at)), tonumber(rate)),
        'turn_window_ms', turn_window_ms }
end
redis.call('HSET', sale_key, 'uuid', uuid, 'title', title, 'stock_total', stock, 'max_per_buyer', max_per_buyer,
    'opens_at', opens_at, 'closes_at', closes_at, 'paused', '0', 'epoch', '1', 'schema', '1',
    'serving_run_id', run_id, 'last_at_ms', '0', 'pseudonym_key', pseudonym_key, 'persisted_position', '0',
    'withheld', '0', unpack(room))
-- Witnesses of an earlier sale of this name say nothing about this one.
redis.call('DEL', witnesses_key)
redis.call('SET', stock_key, stock)
redis.call('SET', position_key, '0')
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'create', 'sale', name, 'uuid', uuid, 'title', title,
    'stock', stock, 'max_per_buyer', max_per_buyer, 'opens_at', opens_at, 'closes_at', closes_at,
    'pseudonym_key', pseudonym_key, 'at_ms', now_ms, 'epoch', '1', unpack(room))
redis.call('SADD', sales_key, name)
return 1
