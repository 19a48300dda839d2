#!lua
-- purchase.lua: decides a batch of purchases of one sale, in the order given.
--
-- KEYS   1 sale (hash)  2 stock (integer)  3 position (integer)  4 buyers (hash)  5 orders (stream)
-- ARGV   1 run_id of the Redis that the caller is connected to
--        2 the sale's name
--        then four for each purchase: buyer, idempotency key, quantity, trace-id
-- Reply  { epoch, units left, now_ms, secured_at_ms, opens_at_ms, codes, uuid, detail … }
--        codes has one letter a purchase; these letters bring a detail each, in order:
--          S secured       its position
--          R replayed      "position at_ms": this buyer and key have won before, with this quantity
--          K key reused    -  this buyer and key have won before, with another quantity
--          E ended         -
--          N not open      -  opens_at_ms is in the reply
--          L over limit    "position,position": what the buyer has won so far, maybe nothing
--          O sold out      -
--          P paused        -
--          I insufficient  units left at that moment
--          U unknown sale  -  (all of the batch)
--          F fenced        -  (all of the batch) this Redis has not been reconciled, or lacks a part of the sale
--
-- The checks of one purchase come in the order F U R/K E N L O P I S. Only wins are remembered: any other answer is
-- judged afresh when the purchase comes again. Everything is validated before the first write, and the #!lua line makes
-- Redis refuse (read-only, out of memory, too few replicas) before line 1 or not at all: a batch is done whole or not
-- done. A batch without a win writes nothing. Error replies carry no byte from a buyer.

local count = (#ARGV - 2) / 4
local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'max_per_buyer', 'opens_at', 'closes_at',
    'paused', 'last_at_ms', 'uuid')
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function all(code)
    return { tonumber(saved[1]) or 0, 0, now_ms, now_ms, 0, string.rep(code, count), '' }
end

if not saved[1] then return all('U') end
if saved[2] ~= ARGV[1] then return all('F') end
local numbers = redis.call('MGET', KEYS[2], KEYS[3])
local left, position = tonumber(numbers[1]), tonumber(numbers[2])
local max_per_buyer = tonumber(saved[3])
if not left or not position or not max_per_buyer or redis.call('TYPE', KEYS[5]).ok ~= 'stream' then return all('F') end

local epoch = saved[1]
local opens_at, closes_at = tonumber(saved[4]) or 0, tonumber(saved[5]) or 0
local ended = closes_at > 0 and now_ms >= closes_at
local not_open = opens_at > 0 and now_ms < opens_at
local paused = saved[6] == '1'
-- A clock that was set back must not let a later win look earlier. Positions order wins; this only keeps them tidy.
local secured_at_ms = math.max(now_ms, tonumber(saved[7]) or 0)

-- One call for the whole batch: calling Redis from Lua costs more than the look-up.
local buyers = {}
for i = 1, count do buyers[i] = ARGV[i * 4 - 1] end
local fields = redis.call('HMGET', KEYS[4], unpack(buyers))

-- What the wins of this batch will write.
local wins_of, changed, events = {}, {}, {}
local sold = 0

local function text_of(wins)
    return table.concat(wins, ';')
end

-- The decision on one purchase: a code and its detail.
local function decide(i, buyer, key, quantity, trace)
    local text = wins_of[buyer] and text_of(wins_of[buyer]) or fields[i]
    local bought, positions = 0, {}
    if text then
        for won_key, at_position, units, at_ms in string.gmatch(text, '([^ ;]+) (%d+) (%d+) (%d+) %d+') do
            if won_key == key then
                if tonumber(units) ~= quantity then return 'K' end
                return 'R', at_position .. ' ' .. at_ms
            end
            bought = bought + tonumber(units)
            positions[#positions + 1] = at_position
        end
    end
    if ended then return 'E' end
    if not_open then return 'N' end
    if bought + quantity > max_per_buyer then return 'L', table.concat(positions, ',') end
    if left <= 0 then return 'O' end
    if paused then return 'P' end
    if quantity > left then return 'I', left end

    left = left - quantity
    sold = sold + quantity
    position = position + 1
    if not wins_of[buyer] then
        wins_of[buyer] = text and { text } or {}
        changed[#changed + 1] = buyer
    end
    local wins = wins_of[buyer]
    wins[#wins + 1] = string.format('%s %d %d %d %s', key, position, quantity, secured_at_ms, epoch)
    events[#events + 1] = { buyer, key, quantity, trace, position }
    return 'S', position
end

local reply = { tonumber(epoch), left, now_ms, secured_at_ms, opens_at, '', saved[8] or '' }
local codes = {}
for i = 1, count do
    local at = i * 4 - 1
    local quantity = tonumber(ARGV[at + 2])
    if not quantity or quantity < 1 then return redis.error_reply('ERR purchase ' .. i .. ' has no valid quantity') end
    local code, detail = decide(i, ARGV[at], ARGV[at + 1], quantity, ARGV[at + 3])
    codes[i] = code
    if detail then reply[#reply + 1] = detail end
end

if sold > 0 then
    redis.call('DECRBY', KEYS[2], sold)
    redis.call('INCRBY', KEYS[3], #events)
    redis.call('HSET', KEYS[1], 'last_at_ms', string.format('%d', secured_at_ms))
    local pairs_of_buyers = {}
    for i = 1, #changed do
        pairs_of_buyers[i * 2 - 1] = changed[i]
        pairs_of_buyers[i * 2] = text_of(wins_of[changed[i]])
    end
    redis.call('HSET', KEYS[4], unpack(pairs_of_buyers))
    local at_ms = string.format('%d', secured_at_ms)
    for i = 1, #events do
        local event = events[i]
        redis.call('XADD', KEYS[5], '*', 'v', '1', 'kind', 'order', 'order', ARGV[2] .. '-' .. event[5],
            'position', event[5], 'buyer', event[1], 'quantity', event[3], 'key', event[2], 'trace', event[4],
            'at_ms', at_ms, 'epoch', epoch)
    end
end

reply[2] = left
reply[6] = table.concat(codes)
return reply
