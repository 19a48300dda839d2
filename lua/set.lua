#!lua
-- set.lua: changes a sale's title, its opening and closing times and, before it opens, its stock. Writes the changes to
-- the stream, so that SQLite learns of them, and nothing else (control.lua). All of them, or none.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis  2 title  3 opens_at in ms  4 closes_at in ms  5 stock_total; each "" to keep it
-- Reply  1 done; otherwise nothing was done: 0 no such sale; -1 it is fenced, or lacks a part; -2 it has ended, and
--        only its title can change; -3 it is being archived; -4 it has opened: opens_at and the stock stay; -5 more
--        units are sold than it would have; -6 it would not close after it opens, and after now

local sale_key, stock_key, orders_key = unpack(KEYS)
local run_id, new_title, new_opens_at, new_closes_at, new_total = unpack(ARGV)
local epoch, serving_run_id, stock_total, opens_at, closes_at, archive_id, admission, turn_window_ms = unpack(
    redis.call('HMGET', sale_key, 'epoch', 'serving_run_id', 'stock_total', 'opens_at', 'closes_at', 'archive_id',
        'admission', 'turn_window_ms'), 1, 8)
if not epoch then return 0 end
local left, total = tonumber(redis.call('GET', stock_key)), tonumber(stock_total)
local is_whole = left and total and redis.call('TYPE', orders_key).ok == 'stream'
if serving_run_id ~= run_id or not is_whole then return -1 end

local sets_title, sets_opening, sets_closing = new_title ~= '', new_opens_at ~= '', new_closes_at ~= ''
local sets_total = new_total ~= ''
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
opens_at, closes_at = tonumber(opens_at) or 0, tonumber(closes_at) or 0
if archive_id then return -3 end
if sets_opening or sets_closing or sets_total then
    if closes_at > 0 and now_ms >= closes_at then return -2 end
    if (sets_opening or sets_total) and now_ms >= opens_at then return -4 end
end
if sets_opening then opens_at = tonumber(new_opens_at) end
if sets_closing then closes_at = tonumber(new_closes_at) end
if (sets_opening or sets_closing) and closes_at > 0 and closes_at <= math.max(now_ms, opens_at) then return -6 end
local units = sets_total and tonumber(new_total) - total or 0
if left + units < 0 then return -5 end

local at_ms = string.format('%d', now_ms)
local settings = {}
local function change(field, value)
    settings[#settings + 1] = field
    settings[#settings + 1] = value
end
if sets_title then change('title', new_title) end
if sets_opening then
    change('opens_at', string.format('%d', opens_at))
    if admission then
        -- Before the opening nobody is admitted, so the schedule has one segment, which moves.
        change('admission', string.format('%d', math.max(now_ms, opens_at)) .. string.match(admission, ' .*$'))
        change('turn_window_ms', turn_window_ms)
    end
end
if sets_closing then change('closes_at', string.format('%d', closes_at)) end
if #settings > 0 then
    redis.call('HSET', sale_key, unpack(settings))
    redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'set', 'at_ms', at_ms, 'epoch', epoch, unpack(settings))
end
if units ~= 0 then
    redis.call('HSET', sale_key, 'stock_total', string.format('%d', total + units))
    redis.call('INCRBY', stock_key, string.format('%d', units))
    redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'restock', 'units', string.format('%d', units),
        'at_ms', at_ms, 'epoch', epoch)
end
return 1
