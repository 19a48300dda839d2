#!lua flags=allow-oom
-- witness.lua: records the highest position that an API process has confirmed to a buyer. If Redis and SQLite have both
-- lost their newest part, this is how the loss is noticed.
--
-- KEYS   1 witnesses (hash: process -> "uuid position units_left")  2 archived sales (set)  3 sale (hash)
-- ARGV   1 process  2 uuid of the sale  3 position  4 units left then  5 the sale's name  6 run_id of this Redis
-- Reply  1; 0 nothing done, because the sale is archived: SQLite has all of it
--
-- The stamp of another Redis is removed: that one may become a copy of this one and then the primary again without a
-- restart, and its own stamp would let it sell, whatever this one has forgotten.
-- allow-oom: it writes next to nothing, and while no worker runs nobody else removes that stamp.

local witnesses_key, archived_key, sale_key = unpack(KEYS)
local process, uuid, position, left, name, run_id = unpack(ARGV)
if redis.call('SISMEMBER', archived_key, name) == 1 then return 0 end
local kind = redis.call('TYPE', witnesses_key).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('ERR the witnesses are not a hash') end
redis.call('HSET', witnesses_key, process, uuid .. ' ' .. position .. ' ' .. left)
if redis.call('TYPE', sale_key).ok == 'hash' then
    local serving_run_id = redis.call('HGET', sale_key, 'serving_run_id') or ''
    if serving_run_id ~= '' and serving_run_id ~= run_id then redis.call('HSET', sale_key, 'serving_run_id', '') end
end
return 1
