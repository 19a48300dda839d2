# shellcheck shell=bash
# Shared by the scripts that start a sale; sourced, never run.

# shellcheck source=script/frame.sh
source script/frame.sh

# The settings with which Redis answers after its fsync, and forgets nothing.
redis_strict=(
    --save '' --appendonly yes --appendfsync always --no-appendfsync-on-rewrite no --maxmemory-policy noeviction
    --auto-aof-rewrite-percentage 0
)

# strict_redis_conf: the same as lines of redis.conf.
strict_redis_conf() {
    local index
    for ((index = 0; index < ${#redis_strict[@]}; index += 2)); do
        printf '%s "%s"\n' "${redis_strict[index]#--}" "${redis_strict[index + 1]}"
    done
}

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

# succeeds_within SECONDS COMMAND…: tries the command until it succeeds; fails if it has not succeeded by then.
succeeds_within() {
    # $SECONDS counts whole ones: one more, so that there is never less time than said.
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then return 1; fi
        sleep 0.05
    done
}

# wait_for WHAT COMMAND…: until the command succeeds, at most $wait_seconds; give_up is the script's own.
wait_seconds=20
wait_for() {
    local what=$1
    shift
    succeeds_within "$wait_seconds" "$@" || give_up "not within $wait_seconds s: $what"
}

now_ms() { date +%s%3N; }

# ticks ID…: CPU time of the processes so far, in clock ticks of 10 ms.
ticks() {
    local id
    for id in "$@"; do cat "/proc/$id/stat"; done | awk '{ sub(/.*\) /, ""); sum += $12 + $13 } END { print sum }'
}

# memory_kib ID: resident memory of the process.
memory_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }

# Runs a command in namespaces of its own. A host is a network namespace there, a disk a mount, and all processes end
# with the command. Whoever may make the first namespace needs no other right, and nothing is left behind.
isolated=(unshare --user --map-root-user --net --mount --pid --mount-proc --fork --kill-child)

need_namespaces() {
    "${isolated[@]}" true ||
        fail 69 'this user may not make namespaces here (kernel.unprivileged_userns_clone)'
}

# build_older REVISION: builds sale-api of an older commit under var/older; the folder of its programs is in $older.
build_older() {
    local tree=$PWD/var/older
    if [ "$(cat "$tree/revision" 2>/dev/null)" != "$1" ]; then
        rm -rf "$tree"
        mkdir -p "$tree"
        git archive "$1" | tar -x -C "$tree"
        echo "$1" >"$tree/revision"
    fi
    swift build --package-path "$tree" -c release --product sale-api >&2
    # shellcheck disable=SC2034  # used by the caller
    older=$(swift build --package-path "$tree" -c release --show-bin-path)
}

# For `nginx -g`, beside the delivered configuration: in the foreground, and able to read where this user can.
nginx_globals='daemon off;'
# shellcheck disable=SC2034  # used by the caller
if [ "$(id -u)" = 0 ]; then nginx_globals+=' user root;'; fi

# nginx_site DIR SIDE ADDRESS SERVER…: lays the delivered nginx configuration into DIR/etc, for the sale or the shop,
# listening on ADDRESS without TLS, in front of the servers. Run it with -p DIR -c DIR/etc/SIDE.conf.
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

# nginx_ledger DIR SERVER: points the sale's nginx to the worker's ledger.
nginx_ledger() { printf 'server %s;\n' "$2" >"$1/etc/site/sale-ledger.conf"; }
