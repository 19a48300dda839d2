#!lua flags=allow-oom
-- lease.lua: gives one worker the right to work on this Redis for a while, or tells who has it.
-- allow-oom: what the worker stores makes room.
--
-- KEYS   1 lease (string that expires)
-- ARGV   1 the database that the asking worker writes, one word  2 the worker's name  3 for how long, in ms; 0 gives
--        the lease back  4 1 if it has the lease, and renews it
-- Reply  "database name" of the worker that has it now: the one that asks, unless one with another database has it;
--        error NOLEASE, nothing done: it had expired, so one with another database may have had it meanwhile

local lease_key = KEYS[1]
local database, name, duration_ms, renews = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local holder = redis.call('GET', lease_key)
local is_own = holder and string.match(holder, '^%S+') == database
if renews and not is_own then
    return redis.error_reply('NOLEASE the lease has expired, or belongs to another database')
end
if holder and not is_own then return holder end
local asking = database .. ' ' .. name
if duration_ms > 0 then
    redis.call('SET', lease_key, asking, 'PX', duration_ms)
else
    redis.call('UNLINK', lease_key)
end
return asking
