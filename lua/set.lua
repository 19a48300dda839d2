#!lua
-- set.lua: changes what a sale is called, when it opens and closes and, before it opens, how many units it has; says
-- so to the stream, so that SQLite knows it too. All of it, or nothing.
--
-- KEYS   1 sale (hash)  2 stock  3 orders (stream)
-- ARGV   1 run_id of this Redis  2 title  3 opens_at in ms  4 closes_at in ms  5 units in all; each "" where it stays
-- Reply  1 done; otherwise nothing was done: 0 no such sale; -1 it is fenced, or lacks a part; -2 it has ended, and
--        only its title can change; -3 it is being archived; -4 it has opened: opens_at and units stay; -5 more are
--        sold than it would have; -6 it would not close after it opens, and after now

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'stock_total', 'opens_at', 'closes_at', 'paused',
    'archive_id', 'admission', 'turn_window_ms')
if not saved[1] then return 0 end
local left, total = tonumber(redis.call('GET', KEYS[2])), tonumber(saved[3])
local is_whole = left and total and redis.call('TYPE', KEYS[3]).ok == 'stream'
if saved[2] ~= ARGV[1] or not is_whole then return -1 end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local opens_at, closes_at = tonumber(saved[4]) or 0, tonumber(saved[5]) or 0
if saved[7] then return -3 end
if (ARGV[3] .. ARGV[4] .. ARGV[5]) ~= '' then
    if closes_at > 0 and now_ms >= closes_at then return -2 end
    if (ARGV[3] .. ARGV[5]) ~= '' and now_ms >= opens_at then return -4 end
end
if ARGV[3] ~= '' then opens_at = tonumber(ARGV[3]) end
if ARGV[4] ~= '' then closes_at = tonumber(ARGV[4]) end
if (ARGV[3] .. ARGV[4]) ~= '' and closes_at > 0 and closes_at <= math.max(now_ms, opens_at) then return -6 end
local units = ARGV[5] ~= '' and tonumber(ARGV[5]) - total or 0
if left + units < 0 then return -5 end

local at_ms = string.format('%d', now_ms)
if (ARGV[2] .. ARGV[3] .. ARGV[4]) ~= '' then
    local opens, closes = string.format('%d', opens_at), string.format('%d', closes_at)
    local event = { 'v', '1', 'kind', 'set', 'opens_at', opens, 'closes_at', closes, 'paused', saved[6],
        'at_ms', at_ms, 'epoch', saved[1] }
    redis.call('HSET', KEYS[1], 'opens_at', opens, 'closes_at', closes)
    if saved[8] then
        local admission = saved[8]
        if ARGV[3] ~= '' then
            -- Before the opening nobody is admitted, so the schedule has one segment: it moves.
            admission = string.format('%d', math.max(now_ms, opens_at)) .. string.match(admission, ' .*$')
            redis.call('HSET', KEYS[1], 'admission', admission)
        end
        for _, word in ipairs({ 'admission', admission, 'turn_window_ms', saved[9] }) do event[#event + 1] = word end
    end
    if ARGV[2] ~= '' then
        redis.call('HSET', KEYS[1], 'title', ARGV[2])
        event[#event + 1] = 'title'
        event[#event + 1] = ARGV[2]
    end
    redis.call('XADD', KEYS[3], '*', unpack(event))
end
if units ~= 0 then
    redis.call('HSET', KEYS[1], 'stock_total', string.format('%d', total + units))
    redis.call('INCRBY', KEYS[2], string.format('%d', units))
    redis.call('XADD', KEYS[3], '*', 'v', '1', 'kind', 'restock', 'units', string.format('%d', units),
        'at_ms', at_ms, 'epoch', saved[1])
end
return 1
