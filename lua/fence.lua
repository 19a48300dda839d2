#!lua flags=allow-oom
-- fence.lua: puts up the fence of a sale: this Redis must not sell it until it has been compared with SQLite again.
-- stamp.lua lifts it.
-- allow-oom: stopping a sale must not wait for memory.
--
-- KEYS   1 sale (hash)
-- Reply  1 fenced; 0 nothing done: there is no such sale
--
-- A sale that is gone has nothing to fence, and a hash with this field alone would keep anybody from creating it anew.

local sale_key = KEYS[1]
if redis.call('EXISTS', sale_key) == 0 then return 0 end
redis.call('HSET', sale_key, 'serving_run_id', '')
return 1
