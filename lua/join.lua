#!lua
-- join.lua: gives a batch of buyers their positions in a sale's waiting room, in the order given.
--
-- KEYS   1 sale (hash)  2 stock (integer)  3 tickets (hash)  4 joined (integer)
-- ARGV   1 run_id of the Redis that the caller is connected to
--        2 … one buyer each
-- Reply  { codes, epoch, now_ms, uuid, admission, turn_window_ms, turns_since_ms, position … }
--        codes has one letter for each buyer; two of them bring a position each, in order:
--          N new           the position has just been given
--          A already       the buyer has joined before, and its turn has not been missed
--        the others apply to the whole batch:
--          E ended         -
--          O sold out      -  nobody queues for nothing
--          W no waiting room  -
--          U unknown sale  -
--          F fenced        -  this Redis has not been reconciled, or lacks a part of the sale
--
-- A position is a turn of the schedule (AdmissionSchedule.swift). The next one follows all that were given and all
-- whose turn has begun. A turn that passes while nobody is there is skipped, so nobody gets one that is over, and no
-- more buyers are admitted in a second than the rate allows. Everything is validated before the first write; a batch
-- that gives no position writes nothing.

local sale_key, stock_key, tickets_key, joined_key = unpack(KEYS)
local run_id = ARGV[1]
local count = #ARGV - 1
local epoch, serving_run_id, uuid, closes_at, paused, admission, turn_window_ms, turns_since_ms = unpack(redis.call(
    'HMGET', sale_key, 'epoch', 'serving_run_id', 'uuid', 'closes_at', 'paused', 'admission', 'turn_window_ms',
    'turns_since_ms'), 1, 8)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- While the sale is paused nobody misses a turn (purchase.lua).
if paused == '1' then turns_since_ms = now_ms end
turn_window_ms, turns_since_ms = tonumber(turn_window_ms) or 0, tonumber(turns_since_ms) or 0

-- The codes come first, and the positions follow these seven.
local reply = { '', tonumber(epoch) or 0, now_ms, uuid or '', admission or '', turn_window_ms, turns_since_ms }
local header_count = #reply

local function all(code)
    reply[1] = string.rep(code, count)
    return reply
end

if not epoch then return all('U') end
local left, last = tonumber(redis.call('GET', stock_key)), tonumber(redis.call('GET', joined_key))
-- Without its counter, positions that others hold would be given again.
local is_whole = left and (last or redis.call('EXISTS', tickets_key) == 0)
if serving_run_id ~= run_id or not is_whole then return all('F') end
if not admission then return all('W') end
closes_at = tonumber(closes_at) or 0
if closes_at > 0 and now_ms >= closes_at then return all('E') end
if left <= 0 then return all('O') end

-- From the last segment to the first.
local segments = {}
for from, after, rate, state in string.gmatch(admission, '(%d+) (%d+) (%d+) ?(%l*)') do
    table.insert(segments, 1, { from = tonumber(from), after = tonumber(after), rate = tonumber(rate),
        paused = state == 'paused' })
end
if #segments == 0 then return redis.error_reply('ERR the sale has no readable schedule') end

-- The last position whose turn has begun.
local function admitted()
    local bound
    for _, segment in ipairs(segments) do
        if now_ms >= segment.from then
            local through = segment.after
            if not segment.paused then
                local elapsed = now_ms - segment.from
                local seconds = math.floor(elapsed / 1000)
                through = through + seconds * segment.rate
                    + math.floor((elapsed - seconds * 1000) * segment.rate / 1000)
            end
            return bound and math.min(through, bound) or through
        end
        bound = segment.after
    end
    return bound
end

-- Whether the turn of a position is over.
local function is_missed(position)
    for _, segment in ipairs(segments) do
        if position > segment.after then
            if segment.paused then return false end
            local seconds = math.floor((position - segment.after) / segment.rate)
            local rest = position - segment.after - seconds * segment.rate
            local turn_at = segment.from + seconds * 1000 + math.ceil(rest * 1000 / segment.rate)
            return now_ms > math.max(turn_at, turns_since_ms) + turn_window_ms
        end
    end
    return true
end

local buyers = {}
for i = 1, count do buyers[i] = ARGV[i + 1] end
local fields = redis.call('HMGET', tickets_key, unpack(buyers))
last = math.max(last or 0, admitted())
local codes, given, written = {}, {}, {}
for i = 1, count do
    local buyer = buyers[i]
    local position = given[buyer] or tonumber(fields[i] or nil)
    if position and not is_missed(position) then
        codes[i] = 'A'
    else
        last = last + 1
        position = last
        codes[i] = 'N'
        given[buyer] = position
        written[#written + 1] = buyer
        written[#written + 1] = string.format('%d', position)
    end
    reply[header_count + i] = position
end
if #written > 0 then
    redis.call('HSET', tickets_key, unpack(written))
    redis.call('SET', joined_key, string.format('%d', last))
end
reply[1] = table.concat(codes)
return reply
