#!lua
-- control.lua: pauses, resumes or closes a sale.
--
-- KEYS   1 sale (hash)
-- ARGV   1 pause | resume | close
-- Reply  1 done; 0 nothing done: there is no such sale

if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then return 0 end
if ARGV[1] == 'pause' then
    redis.call('HSET', KEYS[1], 'paused', '1')
elseif ARGV[1] == 'resume' then
    redis.call('HSET', KEYS[1], 'paused', '0')
elseif ARGV[1] == 'close' then
    local time = redis.call('TIME')
    local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
    local closes_at = tonumber(redis.call('HGET', KEYS[1], 'closes_at')) or 0
    -- A sale that has ended stays ended at the time it did.
    if closes_at == 0 or closes_at > now_ms then
        redis.call('HSET', KEYS[1], 'closes_at', string.format('%d', now_ms))
    end
else
    return redis.error_reply('ERR the action is pause, resume or close')
end
return 1
