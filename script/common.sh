# shellcheck shell=bash
# What several scripts share; sourced, never run.

# The settings with which Redis answers after its fsync, and forgets nothing.
# shellcheck disable=SC2034  # used where this is sourced
redis_strict=(
    --save '' --appendonly yes --appendfsync always --no-appendfsync-on-rewrite no --maxmemory-policy noeviction
)

# The caller's own settings are for the caller's own system.
# shellcheck disable=SC2086  # one word each
unset ${!SALE_@}

# A free port of the loopback interface, below those that the kernel gives to clients (ip_local_port_range).
free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}
