#!lua flags=allow-oom
-- free.lua: frees the memory of a sale that SQLite has stored as archived, after checking once more that it may.
-- allow-oom: it makes room.
--
-- KEYS   1 sale (hash)  2 stock  3 position  4 buyers  5 orders (stream)  6 dlq  7 witnesses  8 tickets  9 joined
--        10 sales (set)  11 archived sales (set)
-- ARGV   1 run_id of this Redis  2 the sale's name  3 uuid  4 id of the archive event that SQLite has stored
--        5 consumer group
-- Reply  1 freed; otherwise nothing was done: 0 no such sale, or another one of its name; -1 it is fenced; -2 the
--        archive event is not the stream's last entry; -3 an entry is unread or not acknowledged
--
-- The name stays in the set of archived sales, so that nobody creates it again or restores it from an older database.

local sale_key, orders_key, sales_key, archived_key = KEYS[1], KEYS[5], KEYS[10], KEYS[11]
local run_id, name, given_uuid, archive_id, group_name = unpack(ARGV)
local uuid, serving_run_id = unpack(redis.call('HMGET', sale_key, 'uuid', 'serving_run_id'), 1, 2)
if not uuid or uuid ~= given_uuid then return 0 end
if serving_run_id ~= run_id or redis.call('TYPE', orders_key).ok ~= 'stream' then return -1 end
local last = redis.call('XREVRANGE', orders_key, '+', '-', 'COUNT', '1')[1]
if not last or last[1] ~= archive_id then return -2 end

local is_read = false
for _, words in ipairs(redis.call('XINFO', 'GROUPS', orders_key)) do
    local group = {}
    for i = 1, #words, 2 do group[words[i]] = words[i + 1] end
    if group['name'] == group_name then
        is_read = group['pending'] == 0 and group['last-delivered-id'] == archive_id
    end
end
if not is_read then return -3 end

-- If the archived sales are no set, this fails, and nothing is done.
redis.call('SADD', archived_key, name)
redis.call('SREM', sales_key, name)
-- UNLINK frees the memory of a million buyers in the background.
redis.call('UNLINK', unpack(KEYS, 1, 9))
return 1
