#!lua flags=allow-oom
-- archive.lua: begins the archiving of a sale that has ended: puts the last event onto its stream, so that SQLite marks
-- it. free.lua does the rest, once that is stored. From here on nothing changes the sale (restock.lua, set.lua).
-- allow-oom: what frees entries, or stops a sale, must not wait for memory.
--
-- KEYS   1 sale (hash)  2 orders (stream)
-- ARGV   1 run_id of this Redis  2 uuid
-- Reply  the event's id; otherwise nothing was done: 0 no such sale, or another of its name; -1 it is fenced, or has no
--        stream; -2 it has not ended
--
-- Called again it answers the same id, and adds nothing, unless something has come after the event (a win while the
-- clock was set back): then it is not the last, and another one is.

local saved = redis.call('HMGET', KEYS[1], 'uuid', 'serving_run_id', 'closes_at', 'archive_id', 'epoch')
if not saved[1] or saved[1] ~= ARGV[2] then return 0 end
if saved[2] ~= ARGV[1] or redis.call('TYPE', KEYS[2]).ok ~= 'stream' then return -1 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local closes_at = tonumber(saved[3]) or 0
if closes_at == 0 or now_ms < closes_at then return -2 end

local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', '1')[1]
if saved[4] and last and last[1] == saved[4] then return saved[4] end
local id = redis.call('XADD', KEYS[2], '*', 'v', '1', 'kind', 'archive', 'at_ms', string.format('%d', now_ms),
    'epoch', saved[5])
redis.call('HSET', KEYS[1], 'archive_id', id)
return id
