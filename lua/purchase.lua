#!lua
-- purchase.lua: decides a batch of purchases of one sale, in the order given.
--
-- KEYS   1 sale (hash)  2 stock (integer)  3 position (integer)  4 buyers (hash)  5 orders (stream)  6 tickets (hash)
-- ARGV   1 run_id of the Redis that the caller is connected to
--        2 the sale's name
--        then four for each purchase: buyer, idempotency key, quantity, trace-id. If a ticket was shown, the quantity
--        is followed by what the caller makes of it: "1 POSITION EPOCH UUID" for one that we have signed, for this
--        sale and this buyer, else "1 WORD", the reason. A sale without a waiting room ignores it.
-- Reply  { epoch, units left, now_ms, secured_at_ms, opens_at_ms, codes, uuid, detail … }
--        codes has one letter for each purchase; these letters bring a detail each, in order:
--          S secured       its position
--          R replayed      "position at_ms": this buyer and key have won before, with the same quantity
--          K key reused    -  this buyer and key have won before, with another quantity
--          E ended         -
--          N not open      -  opens_at_ms is in the reply
--          L over limit    "position,position": what the buyer has won so far; may be empty
--          O sold out      -
--          P paused        -
--          I insufficient  units left at that moment
--          Q queue first   -  the sale has a waiting room, and no ticket was shown
--          X no ticket     the reason: WORD, or "outdated": it is for another sale of this name, or for a position that
--                          was lost with its epoch
--          T not yet       when the ticket's turn begins, in ms; 0 while admission is paused
--          M missed        when it began; 0 if that is no longer known
--          U unknown sale  -  (all of the batch)
--          F fenced        -  (all of the batch) this Redis has not been reconciled, or lacks a part of the sale
--
-- The checks of one purchase are made in the order F U R/K E N L O P I S; with a waiting room in the order F U R/K E L
-- O Q X T M N P I S, because a turn never begins before the sale opens, and buyers who wait must learn that it is over.
-- Only wins are remembered: any other purchase is decided again when it is repeated. Everything is validated before the
-- first write, and the #!lua line makes Redis refuse (read-only, out of memory, too few replicas) before line 1 or not
-- at all: a batch is done whole or not at all. A batch without a win writes nothing. Error replies carry no byte from
-- a buyer.

local sale_key, stock_key, position_key, buyers_key, orders_key, tickets_key = unpack(KEYS)
local run_id, sale_name = ARGV[1], ARGV[2]
local count = (#ARGV - 2) / 4
local epoch, serving_run_id, max_per_buyer, opens_at, closes_at, paused, last_at_ms, sale_uuid, admission,
    buyerless_position = unpack(redis.call('HMGET', sale_key, 'epoch', 'serving_run_id', 'max_per_buyer', 'opens_at',
        'closes_at', 'paused', 'last_at_ms', 'uuid', 'admission', 'buyerless_position'), 1, 10)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function all(code)
    return { tonumber(epoch) or 0, 0, now_ms, now_ms, 0, string.rep(code, count), '' }
end

if not epoch then return all('U') end
if serving_run_id ~= run_id then return all('F') end
local left, position = unpack(redis.call('MGET', stock_key, position_key), 1, 2)
left, position, max_per_buyer = tonumber(left), tonumber(position), tonumber(max_per_buyer)
if not left or not position or not max_per_buyer then return all('F') end
if redis.call('TYPE', orders_key).ok ~= 'stream' then return all('F') end
-- Without the buyers every retry would be another win (repair.lua explains buyerless_position).
if position > (tonumber(buyerless_position) or 0) and redis.call('EXISTS', buyers_key) == 0 then return all('F') end

opens_at, closes_at = tonumber(opens_at) or 0, tonumber(closes_at) or 0
local has_ended = closes_at > 0 and now_ms >= closes_at
local not_open = opens_at > 0 and now_ms < opens_at
local is_paused = paused == '1'
-- If the clock is set back, a later win must not look earlier. Positions order wins; this only keeps the times tidy.
local secured_at_ms = math.max(now_ms, tonumber(last_at_ms) or 0)
local at_ms = string.format('%d', secured_at_ms)

-- One call for the whole batch: a call from Lua costs more than the look-up itself.
local buyers = {}
for i = 1, count do buyers[i] = ARGV[i * 4 - 1] end
local fields = redis.call('HMGET', buyers_key, unpack(buyers))

-- The waiting room: why a ticket may not buy now, as a code and its detail; nothing if it is its turn.
local turn
if admission then
    local window_ms, since_ms = unpack(redis.call('HMGET', sale_key, 'turn_window_ms', 'turns_since_ms'), 1, 2)
    -- While the sale is paused nobody can buy, so nobody misses a turn: windows start again when it resumes.
    window_ms, since_ms = tonumber(window_ms) or 0, is_paused and now_ms or tonumber(since_ms) or 0
    -- From the last segment of the schedule to the first (AdmissionSchedule.swift).
    local segments = {}
    for from, after, rate, state in string.gmatch(admission, '(%d+) (%d+) (%d+) ?(%l*)') do
        table.insert(segments, 1, { tonumber(from), tonumber(after), tonumber(rate), state == 'paused' })
    end
    turn = function(buyer, ticket)
        if not ticket then return 'Q' end
        local text, of_epoch, uuid = string.match(ticket, '^(%d+) (%d+) (.+)$')
        if not text then return 'X', ticket end
        if uuid ~= sale_uuid then return 'X', 'outdated' end
        -- A ticket of another epoch counts if its position has survived.
        if of_epoch ~= epoch and redis.call('HGET', tickets_key, buyer) ~= text then return 'X', 'outdated' end
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

-- What the wins of this batch will write: the buyers' fields, the buyers in the order of their first win, the orders.
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
    if has_ended then return 'E' end
    if not_open and not turn then return 'N' end
    if bought + quantity > max_per_buyer then return 'L', positions and table.concat(positions, ',') or '' end
    if left <= 0 then return 'O' end
    if turn then
        local code, detail = turn(buyer, ticket)
        if code then return code, detail end
        if not_open then return 'N' end
    end
    if is_paused then return 'P' end
    if quantity > left then return 'I', left end

    left = left - quantity
    sold = sold + quantity
    position = position + 1
    -- Formatted once: a number passed to Redis, or concatenated, goes through printf's %.17g each time.
    local position_text, quantity_text = string.format('%d', position), string.format('%d', quantity)
    local win = key .. ' ' .. position_text .. ' ' .. quantity_text .. ' ' .. at_ms .. ' ' .. epoch
    if not field_of[buyer] then winners[#winners + 1] = buyer end
    field_of[buyer] = text and text .. ';' .. win or win
    events[#events + 1] = { buyer, key, quantity_text, trace, position_text }
    return 'S', position
end

local reply = { tonumber(epoch), left, now_ms, secured_at_ms, opens_at, '', sale_uuid or '' }
local codes = {}
for i = 1, count do
    local at = i * 4 - 1
    local quantity, ticket = tonumber(ARGV[at + 2])
    if not quantity then
        quantity, ticket = string.match(ARGV[at + 2], '^(%d+) (.+)$')
        quantity = tonumber(quantity)
    end
    -- Comparisons with NaN, which `tonumber` also reads, are false.
    if not (quantity and quantity >= 1 and quantity % 1 == 0) then
        return redis.error_reply('ERR purchase ' .. i .. ' has no valid quantity')
    end
    local code, detail = decide(i, ARGV[at], ARGV[at + 1], quantity, ARGV[at + 3], ticket)
    codes[i] = code
    if detail then reply[#reply + 1] = detail end
end

if sold > 0 then
    redis.call('DECRBY', stock_key, sold)
    redis.call('INCRBY', position_key, #events)
    redis.call('HSET', sale_key, 'last_at_ms', at_ms)
    local pairs_of_buyers = {}
    for i = 1, #winners do
        pairs_of_buyers[i * 2 - 1] = winners[i]
        pairs_of_buyers[i * 2] = field_of[winners[i]]
    end
    redis.call('HSET', buyers_key, unpack(pairs_of_buyers))
    for i = 1, #events do
        local event = events[i]
        redis.call('XADD', orders_key, '*', 'v', '1', 'kind', 'order', 'order', sale_name .. '-' .. event[5],
            'position', event[5], 'buyer', event[1], 'quantity', event[3], 'key', event[2], 'trace', event[4],
            'at_ms', at_ms, 'epoch', epoch)
    end
end

reply[2] = left
reply[6] = table.concat(codes)
return reply
