-- luacheck: std ngx_lua
-- Identifies the sender of a request by a JWT signed with HS256 under one of our keys.

local ffi = require 'ffi'
local base64 = require 'ngx.base64'
local cjson = require 'cjson.safe'

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *digest, const void *key, int key_bytes, const unsigned char *data, size_t bytes,
                    unsigned char *mac, unsigned int *mac_bytes);
int CRYPTO_memcmp(const void *a, const void *b, size_t bytes);
]]

-- nginx has libcrypto loaded.
local crypto = ffi.C
local mac = ffi.new('unsigned char[32]')
local decode = base64.decode_base64url

local token = {}
local keys = {}
-- By the text of the header: an issuer sends the same one as long as it uses the same key.
local key_of_header = {}

function token.read_keys(path)
    local file = assert(io.open(path))
    for _, key in ipairs(assert(cjson.decode(file:read('*a'))).keys) do keys[key.kid] = assert(decode(key.k)) end
    file:close()
end

local function key_of(header)
    local known = key_of_header[header]
    if known then return known end
    local fields = cjson.decode(decode(header) or '')
    if type(fields) ~= 'table' or fields.alg ~= 'HS256' or fields.crit then return nil end
    key_of_header[header] = keys[fields.kid]
    return keys[fields.kid]
end

-- The subject of a token; nil if the token is not valid.
function token.subject(text)
    local signed, header, claims, signature = text:match('^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$')
    local key = header and key_of(header)
    signature = key and decode(signature)
    if not signature or #signature ~= 32 then return nil end
    crypto.HMAC(crypto.EVP_sha256(), key, #key, signed, #signed, mac, nil)
    if crypto.CRYPTO_memcmp(mac, signature, 32) ~= 0 then return nil end
    local fields = cjson.decode(decode(claims) or '')
    local now = ngx.time()
    if type(fields) ~= 'table' or type(fields.exp) ~= 'number' or now >= fields.exp + 30 then return nil end
    if fields.nbf and now < fields.nbf - 30 then return nil end
    local subject = fields.sub
    if type(subject) ~= 'string' or not subject:match('^[!-~]+$') or #subject > 128 then return nil end
    return subject
end

return token
