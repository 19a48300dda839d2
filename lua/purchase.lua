#!lua
-- purchase.lua: decides a batch of purchases of one sale, in the order given.
--
-- KEYS   1 sale (hash)  2 stock (integer)  3 position (integer)  4 buyers (hash)  5 orders (stream)  6 tickets (hash)
-- ARGV   1 run_id of the Redis that the caller is connected to
--        2 the sale's name
--        then four for each purchase: buyer, idempotency key, quantity, trace-id. Behind the quantity stands what the
--        caller makes of a ticket, where one was shown: "1 POSITION EPOCH UUID" of one that is signed by us, for this
--        sale and this buyer, else "1 WORD", the reason. A sale without a waiting room does not look at it.
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
--          Q queue first   -  the sale has a waiting room, and no ticket was shown
--          X no ticket     the reason: WORD, or "outdated": of another sale of the name, or of a position that has
--                          been lost with its epoch
--          T not yet       when the ticket's turn begins, in ms; 0 while admission is paused
--          M missed        when it began; 0 where nobody knows any more
--          U unknown sale  -  (all of the batch)
--          F fenced        -  (all of the batch) this Redis has not been reconciled, or lacks a part of the sale
--
-- The checks of one purchase come in the order F U R/K E N L O P I S; with a waiting room in the order F U R/K E L O
-- Q X T M N P I S, as a turn never begins before the sale opens, and who waits learns of its end. Only wins are
-- remembered: any other answer is judged afresh when the purchase comes again. Everything is validated before the
-- first write, and the #!lua line makes Redis refuse (read-only, out of memory, too few replicas) before line 1 or not
-- at all: a batch is done whole or not done. A batch without a win writes nothing. Error replies carry no byte from a
-- buyer.

local count = (#ARGV - 2) / 4
local saved = redis.call('HMGET', KEYS[1], 'epoch', 'serving_run_id', 'max_per_buyer', 'opens_at', 'closes_at',
    'paused', 'last_at_ms', 'uuid', 'admission', 'buyerless_position')
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
-- Without its buyers every retry would be another win (repair.lua has buyerless_position).
if position > (tonumber(saved[10]) or 0) and redis.call('EXISTS', KEYS[4]) == 0 then return all('F') end

local epoch = saved[1]
local opens_at, closes_at = tonumber(saved[4]) or 0, tonumber(saved[5]) or 0
local ended = closes_at > 0 and now_ms >= closes_at
local not_open = opens_at > 0 and now_ms < opens_at
local paused = saved[6] == '1'
-- A clock that was set back must not let a later win look earlier. Positions order wins; this only keeps them tidy.
local secured_at_ms = math.max(now_ms, tonumber(saved[7]) or 0)
local at_ms = string.format('%d', secured_at_ms)

-- One call for the whole batch: calling Redis from Lua costs more than the look-up.
local buyers = {}
for i = 1, count do buyers[i] = ARGV[i * 4 - 1] end
local fields = redis.call('HMGET', KEYS[4], unpack(buyers))

-- The waiting room: what keeps a ticket from buying now, as a code and its detail; nothing where it is its turn.
local turn
if saved[9] then
    local room = redis.call('HMGET', KEYS[1], 'turn_window_ms', 'turns_since_ms')
    local window_ms, since_ms = tonumber(room[1]) or 0, tonumber(room[2]) or 0
    -- From the last segment of the schedule to the first (AdmissionSchedule.swift).
    local segments = {}
    for from, after, rate, state in string.gmatch(saved[9], '(%d+) (%d+) (%d+) ?(%l*)') do
        table.insert(segments, 1, { tonumber(from), tonumber(after), tonumber(rate), state == 'paused' })
    end
    turn = function(buyer, ticket)
        if not ticket then return 'Q' end
        local text, of_epoch, uuid = string.match(ticket, '^(%d+) (%d+) (.+)$')
        if not text then return 'X', ticket end
        if uuid ~= saved[8] then return 'X', 'outdated' end
        -- A ticket of another epoch counts where the position it tells of has survived.
        if of_epoch ~= saved[1] and redis.call('HGET', KEYS[6], buyer) ~= text then return 'X', 'outdated' end
        local ticket_position = tonumber(text)
        for s = 1, #segments do
            local from, after, rate = segments[s][1], segments[s][2], segments[s][3]
            if ticket_position > after then
                if segments[s][4] then return 'T', 0 end
                local seconds = math.floor((ticket_position - after) / rate)
                local turn_at = from + seconds * 1000
                    + math.ceil((ticket_position - after - seconds * rate) * 1000 / rate)
                if now_ms < turn_at then return 'T', turn_at end
                if now_ms > math.max(turn_at, since_ms) + window_ms then return 'M', turn_at end
                return
            end
        end
        return 'M', 0
    end
end

-- What the wins of this batch will write: the buyers' fields, whose those are, and the orders.
local field_of, winners, events = {}, {}, {}
local sold = 0

-- The decision on one purchase: a code and its detail.
local function decide(i, buyer, key, quantity, trace, ticket)
    local text = field_of[buyer] or fields[i]
    local bought, positions = 0, nil
    if text then
        positions = {}
        for won_key, at_position, units, won_at_ms in string.gmatch(text, '([^ ;]+) (%d+) (%d+) (%d+) %d+') do
            if won_key == key then
                if tonumber(units) ~= quantity then return 'K' end
                return 'R', at_position .. ' ' .. won_at_ms
            end
            bought = bought + tonumber(units)
            positions[#positions + 1] = at_position
        end
    end
    if ended then return 'E' end
    if not_open and not turn then return 'N' end
    if bought + quantity > max_per_buyer then return 'L', positions and table.concat(positions, ',') or '' end
    if left <= 0 then return 'O' end
    if turn then
        local code, detail = turn(buyer, ticket)
        if code then return code, detail end
        if not_open then return 'N' end
    end
    if paused then return 'P' end
    if quantity > left then return 'I', left end

    left = left - quantity
    sold = sold + quantity
    position = position + 1
    -- As text at once: a number that is handed to Redis, or joined to a text, goes through printf's %.17g each time.
    local position_text, quantity_text = string.format('%d', position), string.format('%d', quantity)
    local win = key .. ' ' .. position_text .. ' ' .. quantity_text .. ' ' .. at_ms .. ' ' .. epoch
    if not field_of[buyer] then winners[#winners + 1] = buyer end
    field_of[buyer] = text and text .. ';' .. win or win
    events[#events + 1] = { buyer, key, quantity_text, trace, position_text }
    return 'S', position
end

local reply = { tonumber(epoch), left, now_ms, secured_at_ms, opens_at, '', saved[8] or '' }
local codes = {}
for i = 1, count do
    local at = i * 4 - 1
    local quantity, ticket = tonumber(ARGV[at + 2])
    if not quantity then
        quantity, ticket = string.match(ARGV[at + 2], '^(%d+) (.+)$')
        quantity = tonumber(quantity)
    end
    if not quantity or quantity < 1 then return redis.error_reply('ERR purchase ' .. i .. ' has no valid quantity') end
    local code, detail = decide(i, ARGV[at], ARGV[at + 1], quantity, ARGV[at + 3], ticket)
    codes[i] = code
    if detail then reply[#reply + 1] = detail end
end

if sold > 0 then
    redis.call('DECRBY', KEYS[2], sold)
    redis.call('INCRBY', KEYS[3], #events)
    redis.call('HSET', KEYS[1], 'last_at_ms', at_ms)
    local pairs_of_buyers = {}
    for i = 1, #winners do
        pairs_of_buyers[i * 2 - 1] = winners[i]
        pairs_of_buyers[i * 2] = field_of[winners[i]]
    end
    redis.call('HSET', KEYS[4], unpack(pairs_of_buyers))
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
