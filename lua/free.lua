#!lua flags=allow-oom
-- free.lua: gives back the memory of a sale whose archiving SQLite has stored. It looks again before it does.
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 dlq  7 witnesses  8 tickets  9 joined
--        10 sales (set)  11 archived sales (set)
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 id of the archive event that SQLite has stored
--        5 consumer group
-- Reply  1 freed; otherwise nothing was done: 0 no such sale, or another of its name; -1 it is fenced; -2 the archive
--        event is not the stream's last entry; -3 an entry is unread or not acknowledged
--
-- The name stays in the set of archived sales: nobody makes it again, or brings it back from an older database.

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'serving_run_id')
if not saved[1] or saved[1] ~= ARGV[3] then return 0 end
if saved[2] ~= ARGV[1] or redis.call('TYPE', KEYS[5]).ok ~= 'stream' then return -1 end
local kind = redis.call('TYPE', KEYS[11]).ok
if kind ~= 'none' and kind ~= 'set' then return redis.error_reply('ERR the archived sales are not a set') end
local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', '1')[1]
if not last or last[1] ~= ARGV[4] then return -2 end

local is_read = false
for _, words in ipairs(redis.call('XINFO', 'GROUPS', KEYS[5])) do
    local group = {}
    for i = 1, #words, 2 do group[words[i]] = words[i + 1] end
    if group['name'] == ARGV[5] then
        is_read = group['pending'] == 0 and group['last-delivered-id'] == ARGV[4]
    end
end
if not is_read then return -3 end

redis.call('SADD', KEYS[11], ARGV[2])
redis.call('SREM', KEYS[10], ARGV[2])
-- UNLINK: the memory of a million buyers is given back beside the work, not in it.
redis.call('UNLINK', unpack(KEYS, 1, 9))
return 1
