#!lua
-- restock.lua: changes how many units a sale has, and writes the change to the stream, so that SQLite learns of it.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis  2 units to add or, before the sale opens, to take away (negative)
--        3 the most units a sale may have
-- Reply  { code, stock_total, units left }; code 1 done, and the numbers are the new ones; otherwise nothing was
--        done: 0 no such sale; -1 it is fenced, or lacks a part; -2 it has ended; -3 it is being archived; -4 it has
--        opened, and can only grow; -5 fewer than zero would be left; -6 more than a sale may have
--
-- Stock, total and event are written together: no unit is ever on sale that SQLite won't hear of.

local sale_key, stock_key, orders_key = unpack(KEYS)
local run_id, units, units_max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local epoch, serving_run_id, stock_total, opens_at, closes_at, archive_id = unpack(redis.call('HMGET', sale_key,
    'epoch', 'serving_run_id', 'stock_total', 'opens_at', 'closes_at', 'archive_id'), 1, 6)
if not epoch then return { 0, 0, 0 } end
local left, total = tonumber(redis.call('GET', stock_key)), tonumber(stock_total)
local is_whole = left and total and redis.call('TYPE', orders_key).ok == 'stream'
if serving_run_id ~= run_id or not is_whole then return { -1, 0, 0 } end
if not units or units == 0 or units % 1 ~= 0 then
    return redis.error_reply('ERR the units must be a whole number other than 0')
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
opens_at, closes_at = tonumber(opens_at) or 0, tonumber(closes_at) or 0
if archive_id then return { -3, total, left } end
if closes_at > 0 and now_ms >= closes_at then return { -2, total, left } end
if units < 0 and now_ms >= opens_at then return { -4, total, left } end
if left + units < 0 then return { -5, total, left } end
if total + units > units_max then return { -6, total, left } end

redis.call('HSET', sale_key, 'stock_total', string.format('%d', total + units))
redis.call('INCRBY', stock_key, string.format('%d', units))
redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'restock', 'units', string.format('%d', units),
    'at_ms', string.format('%d', now_ms), 'epoch', epoch)
return { 1, total + units, left + units }
