#!lua
-- restock.lua: changes how many units a sale has, and says so to the stream, so that SQLite knows it too.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis  2 units: more of them, or, before the sale opens, fewer (negative)
--        3 the most units a sale may have
-- Reply  { code, stock_total, units left }; code 1 done, and the numbers are the new ones; otherwise nothing was
--        done: 0 no such sale; -1 it is fenced, or lacks a part; -2 it has ended; -3 it is being archived; -4 it has
--        opened, and can only grow; -5 fewer than none would be left; -6 more than a sale may have
--
-- Stock, total and event are written together: no unit is ever on sale of which SQLite won't hear.

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'stock_total', 'opens_at', 'closes_at',
    'archive_id')
if not saved[1] then return { 0, 0, 0 } end
local left, total, units = tonumber(redis.call('GET', KEYS[2])), tonumber(saved[3]), tonumber(ARGV[2])
local is_whole = left and total and redis.call('TYPE', KEYS[3]).ok == 'stream'
if saved[2] ~= ARGV[1] or not is_whole then return { -1, 0, 0 } end
if not units or units == 0 or units % 1 ~= 0 then return redis.error_reply('ERR the units are not a number but 0') end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local opens_at, closes_at = tonumber(saved[4]) or 0, tonumber(saved[5]) or 0
if saved[6] then return { -3, total, left } end
if closes_at > 0 and now_ms >= closes_at then return { -2, total, left } end
if units < 0 and now_ms >= opens_at then return { -4, total, left } end
if left + units < 0 then return { -5, total, left } end
if total + units > tonumber(ARGV[3]) then return { -6, total, left } end

redis.call('HSET', KEYS[1], 'stock_total', string.format('%d', total + units))
redis.call('INCRBY', KEYS[2], string.format('%d', units))
redis.call('XADD', KEYS[3], '*', 'v', '1', 'kind', 'restock', 'units', string.format('%d', units),
    'at_ms', string.format('%d', now_ms), 'epoch', saved[1])
return { 1, total + units, left + units }
