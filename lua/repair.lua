#!lua
-- repair.lua: completes a sale that this Redis has lost, in part or whole, from what SQLite holds. The sale stays
-- fenced: stamp.lua lifts that once both have been compared again.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 sales (set)
--        7 tickets (hash)  8 joined
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 title  5 stock_total  6 max_per_buyer
--        7 opens_at in ms or 0  8 closes_at in ms or 0  9 paused  10 pseudonym key  11 epoch  12 units left
--        13 last position  14 persisted_position  15 last_at_ms  16 units withheld
--        17 18 the last stream id that SQLite has stored: its milliseconds and its number
--        19 admission, "" without a waiting room  20 turn_window_ms
--        21 … buyer and its wins, in pairs
-- Reply  1 done; 0 nothing done: this Redis serves the whole sale, or has another sale of that name
--
-- If there are many buyers it is called several times; each call repeats everything else.

local sale_key, stock_key, position_key, buyers_key, orders_key, sales_key, tickets_key, joined_key = unpack(KEYS)
local run_id, name, uuid, title, stock_total, max_per_buyer, opens_at, closes_at, paused, pseudonym_key, epoch, left,
    last_position, persisted_position, last_at_ms, withheld, stored_id_ms, stored_id_number, admission,
    turn_window_ms = unpack(ARGV, 1, 20)
local first_buyer = 21
local old_uuid, serving_run_id, buyerless_position = unpack(redis.call('HMGET', sale_key, 'uuid', 'serving_run_id',
    'buyerless_position'), 1, 3)
if old_uuid and old_uuid ~= uuid then return 0 end
-- A sale that lacks a part sells nothing, even if this Redis serves it (purchase.lua).
local function is_whole()
    local stock, position = unpack(redis.call('MGET', stock_key, position_key), 1, 2)
    position = tonumber(position)
    if not tonumber(stock) or not position or redis.call('EXISTS', orders_key) == 0 then return false end
    return redis.call('EXISTS', buyers_key) == 1 or position <= (tonumber(buyerless_position) or 0)
end
if serving_run_id == run_id and is_whole() then return 0 end
local kinds = { 'hash', 'string', 'string', 'hash', 'stream', 'set', 'hash', 'string' }
for i = 1, 8 do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'none' and kind ~= kinds[i] then
        return redis.error_reply('ERR key ' .. i .. ' is not a ' .. kinds[i])
    end
end

redis.call('HSET', sale_key, 'uuid', uuid, 'title', title, 'stock_total', stock_total, 'max_per_buyer', max_per_buyer,
    'opens_at', opens_at, 'closes_at', closes_at, 'paused', paused, 'pseudonym_key', pseudonym_key, 'epoch', epoch,
    'schema', '1', 'serving_run_id', '', 'last_at_ms', last_at_ms, 'persisted_position', persisted_position,
    'withheld', withheld)
local room = {}
if admission ~= '' then
    room = { 'admission', admission, 'turn_window_ms', turn_window_ms }
    redis.call('HSET', sale_key, unpack(room))
else
    redis.call('HDEL', sale_key, 'admission', 'turn_window_ms')
end
-- Without the counter, positions would be given twice. So they are forgotten with it: their tickets are of an older
-- epoch.
if redis.call('EXISTS', joined_key) == 0 then redis.call('UNLINK', tickets_key) end
redis.call('SET', stock_key, left)
redis.call('SET', position_key, last_position)
if #ARGV >= first_buyer then redis.call('HSET', buyers_key, unpack(ARGV, first_buyer)) end
-- If every win so far is lost, no buyer is missing yet: buyers can be missing only for later positions.
redis.call('HSET', sale_key, 'buyerless_position', redis.call('EXISTS', buyers_key) == 0 and last_position or '0')
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local is_lost = redis.call('EXISTS', orders_key) == 0
-- The clock may have been set back, and the stream be lost or an older copy. Entries with ids up to the last one that
-- SQLite has stored would be taken for known ones, so the stream continues after that id.
local id = '*'
if now_ms <= tonumber(stored_id_ms) then
    local stored_id = stored_id_ms .. '-' .. stored_id_number
    if #redis.call('XRANGE', orders_key, stored_id, '+', 'COUNT', '1') == 0 then
        id = stored_id_ms .. '-' .. string.format('%d', tonumber(stored_id_number) + 1)
    end
end
if is_lost or id ~= '*' then
    redis.call('XADD', orders_key, id, 'v', '1', 'kind', 'create', 'sale', name, 'uuid', uuid, 'title', title,
        'stock', stock_total, 'max_per_buyer', max_per_buyer, 'opens_at', opens_at, 'closes_at', closes_at,
        'paused', paused, 'pseudonym_key', pseudonym_key, 'at_ms', string.format('%d', now_ms), 'epoch', epoch,
        unpack(room))
end
redis.call('SADD', sales_key, name)
return 1
