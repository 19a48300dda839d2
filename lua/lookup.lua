#!lua flags=no-writes
-- lookup.lua: what one buyer has won in a sale, and what a receipt needs to know about the sale.
--
-- KEYS   1 sale (hash)  2 buyers (hash)  3 position (integer)  4 stock (integer)
-- ARGV   1 run_id of the Redis that the caller is connected to  2 buyer
-- Reply  { code, persisted_position, wins, uuid, pseudonym_key, units left }: code K known, U unknown sale, F fenced
--        (as in purchase.lua); wins is the buyer's field; a missing part is "", or 0 if it is a number

local sale_key, buyers_key, position_key, stock_key = unpack(KEYS)
local run_id, buyer = unpack(ARGV)
local epoch, serving_run_id, persisted_position, uuid, pseudonym_key, buyerless_position = unpack(redis.call('HMGET',
    sale_key, 'epoch', 'serving_run_id', 'persisted_position', 'uuid', 'pseudonym_key', 'buyerless_position'), 1, 6)
if not epoch then return { 'U', 0, '', '', '', 0 } end
if serving_run_id ~= run_id then return { 'F', 0, '', '', '', 0 } end
local wins = redis.call('HGET', buyers_key, buyer)
-- If the buyers are lost, nobody is answered that it has won nothing.
if not wins and redis.call('EXISTS', buyers_key) == 0 then
    local position = tonumber(redis.call('GET', position_key))
    if not position or position > (tonumber(buyerless_position) or 0) then return { 'F', 0, '', '', '', 0 } end
end
local left = tonumber(redis.call('GET', stock_key)) or 0
return { 'K', tonumber(persisted_position) or 0, wins or '', uuid or '', pseudonym_key or '', left }
