-- fill.lua: adds orders to a sale's stream as purchase.lua does, for script/bench.
--
-- KEYS   1 orders (stream)  2 position  3 stock
-- ARGV   1 the sale's name  2 first position  3 last position
-- Reply  the last position

local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
for position = first, last do
    -- Buyers arrive in no particular order, as in a real sale.
    local buyer = string.format('buyer-%08d', position * 7919 % 10000000)
    redis.call('XADD', KEYS[1], '*', 'v', '1', 'kind', 'order', 'order', ARGV[1] .. '-' .. position,
        'position', position, 'buyer', buyer, 'quantity', '1', 'key', 'press-' .. position,
        'trace', '0123456789abcdef0123456789abcdef', 'at_ms', '1700000000000', 'epoch', '1')
end
redis.call('INCRBY', KEYS[2], last - first + 1)
redis.call('DECRBY', KEYS[3], last - first + 1)
return last
