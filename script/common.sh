# shellcheck shell=bash
# What several scripts share; sourced, never run.

# The settings with which Redis answers after its fsync, and forgets nothing.
# shellcheck disable=SC2034  # used where this is sourced
redis_strict=(
    --save '' --appendonly yes --appendfsync always --no-appendfsync-on-rewrite no --maxmemory-policy noeviction
    --auto-aof-rewrite-percentage 0
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

# For `nginx -g`, beside the delivered configuration: in the foreground, and able to read where this user can.
# shellcheck disable=SC2034
nginx_globals='daemon off;'
[ "$(id -u)" != 0 ] || nginx_globals+=' user root;'

# nginx_site DIR SIDE ADDRESS SERVER…: lays the delivered nginx configuration into DIR/etc, for the sale or the shop, listening on
# ADDRESS without TLS, in front of the servers. Run it with -p DIR -c DIR/etc/SIDE.conf.
nginx_site() {
    local dir=$1 side=$2 address=$3
    shift 3
    mkdir -p "$dir"
    cp -r deploy/nginx "$dir/etc"
    rm "$dir/etc/site/sale-redirect.conf"
    printf 'listen %s backlog=4096;\n' "$address" >"$dir/etc/site/$side-listen.conf"
    printf 'server %s max_fails=3 fail_timeout=2s;\n' "$@" >"$dir/etc/site/$side-pool.conf"
    printf 'root %s;\n' "$PWD/web" >"$dir/etc/site/sale-web.conf"
    printf 'root %s;\n' "$PWD/deploy/shop/pages" >"$dir/etc/site/shop-web.conf"
}

# nginx_ledger DIR SERVER: has the sale's nginx find the worker's ledger there.
nginx_ledger() { printf 'server %s;\n' "$2" >"$1/etc/site/sale-ledger.conf"; }
