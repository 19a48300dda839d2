#!lua flags=no-writes
-- lookup.lua: what one buyer has won in a sale, and what else of the sale a receipt says.
--
-- KEYS   1 sale (hash)  2 buyers (hash)  3 position (integer)
-- ARGV   1 run_id of the Redis that the caller is connected to  2 buyer
-- Reply  { code, persisted_position, wins, uuid, pseudonym_key }: code K known, U unknown sale, F fenced (as in
--        purchase.lua); wins is the buyer's field; a part that is missing is ""

local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'persisted_position', 'uuid', 'pseudonym_key',
    'buyerless_position')
if not saved[1] then return { 'U', 0, '', '', '' } end
if saved[2] ~= ARGV[1] then return { 'F', 0, '', '', '' } end
local wins = redis.call('HGET', KEYS[2], ARGV[2])
-- Nobody is told that it has won nothing because its buyers are lost.
if not wins and redis.call('EXISTS', KEYS[2]) == 0 then
    local position = tonumber(redis.call('GET', KEYS[3]))
    if not position or position > (tonumber(saved[6]) or 0) then return { 'F', 0, '', '', '' } end
end
return { 'K', tonumber(saved[3]) or 0, wins or '', saved[4] or '', saved[5] or '' }
