-- luacheck: std ngx_lua
-- The decision in nginx: checks token and key, has our own purchase.lua decide a batch of one, and answers like
-- sale-api.

local redis = require 'nginx.redis'
local token = require 'token'

-- Connections kept for the next request: more than there are presses in flight.
local POOL = 1024
local IDLE_MS = 60000
local TIMEOUT_MS = 2500

local purchase = {}
local script, sha, redis_port
-- The run_id of the Redis that we are connected to, an argument of purchase.lua.
local run_id

function purchase.init(settings)
    token.read_keys(settings.keys)
    local file = assert(io.open(settings.script))
    script = file:read('*a')
    file:close()
    sha = ngx.sha1_bin(script):gsub('.', function(byte) return string.format('%02x', byte:byte()) end)
    redis_port = settings.redis_port
end

local function answer(status, type, body)
    ngx.status = status
    ngx.header['Content-Type'] = type
    ngx.header['X-Request-Id'] = ngx.var.request_id
    ngx.header['Content-Length'] = #body
    ngx.print(body)
end

local function problem(status, name, title, detail)
    answer(status, 'application/problem+json', '{"type":"/problems/' .. name .. '","title":"' .. title .. '","status":'
        .. status .. ',"detail":"' .. detail .. '","instance":"urn:trace:' .. ngx.var.request_id .. '"}')
end

local function unavailable()
    ngx.header['Retry-After'] = '1'
    problem(503, 'unavailable', 'Unavailable', 'Nothing was done. Try again with the same key.')
end

local function order(status, sale, position, at_ms)
    local name = sale .. '-' .. position
    ngx.header['Location'] = '/v1/sales/' .. sale .. '/orders/' .. name
    if status == 200 then ngx.header['Idempotent-Replayed'] = 'true' end
    local at = os.date('!%Y-%m-%dT%H:%M:%S', at_ms / 1000) .. string.format('.%03dZ', at_ms % 1000)
    answer(status, 'application/json', '{"status":"secured","sale":"' .. sale .. '","order":"' .. name
        .. '","position":' .. position .. ',"quantity":1,"secured_at":"' .. at .. '"}')
end

local function connect()
    local connection = redis:new()
    connection:set_timeout(TIMEOUT_MS)
    if not connection:connect('127.0.0.1', redis_port) then return nil end
    if not run_id or connection:get_reused_times() == 0 then
        local info = connection:info('server')
        run_id = info and info:match('run_id:(%x+)')
    end
    return run_id and connection
end

local function decide(sale, buyer, key)
    local connection = connect()
    if not connection then return nil end
    local name = 'sale:{' .. sale .. '}'
    local arguments = {
        6, name, name .. ':stock', name .. ':position', name .. ':buyers', name .. ':orders', name .. ':tickets',
        run_id, sale, buyer, key, 1, ngx.var.request_id,
    }
    local reply, problem_text = connection:evalsha(sha, unpack(arguments))
    if not reply and problem_text and problem_text:find('^NOSCRIPT') then
        reply = connection:eval(script, unpack(arguments))
    end
    if reply then connection:set_keepalive(IDLE_MS, POOL) end
    return reply
end

function purchase.serve(sale)
    if ngx.req.get_method() ~= 'POST' then
        ngx.header['Allow'] = 'POST'
        return problem(405, 'method-not-allowed', 'Method not allowed', 'This path takes POST.')
    end
    local authorization = ngx.var.http_authorization
    local buyer = authorization and authorization:sub(1, 7) == 'Bearer ' and token.subject(authorization:sub(8))
    if not buyer then
        ngx.header['WWW-Authenticate'] = 'Bearer'
        return problem(401, 'unauthorized', 'Unauthorized', 'Send a valid token: Authorization: Bearer <JWT>.')
    end
    local key = ngx.var.http_idempotency_key
    if not key or #key > 64 or not key:match('^[%w_-]+$') then
        return problem(400, 'idempotency-key-invalid', 'Idempotency key invalid',
            'Send one Idempotency-Key of 1 to 64 letters, digits, - or _, without quotes.')
    end
    local reply = decide(sale, buyer, key)
    if not reply then return unavailable() end
    local code = reply[6]
    if code == 'S' then return order(201, sale, reply[8], reply[4]) end
    if code == 'R' then
        local position, at_ms = reply[8]:match('^(%d+) (%d+)$')
        return order(200, sale, position, tonumber(at_ms))
    end
    if code == 'O' then return problem(409, 'sold-out', 'Sold out', 'Every unit has been sold.') end
    if code == 'U' then return problem(404, 'not-found', 'Not found', 'There is no such sale.') end
    if code == 'F' then return unavailable() end
    problem(409, 'refused', 'Refused', 'This purchase can not be made.')
end

return purchase
