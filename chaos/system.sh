# shellcheck shell=bash disable=SC2154
# The system under test: Redis and a Sentinel on hosts 0 to 2, an API process on 0 and 1, both workers on 3. Sourced
# after script/common.sh and chaos/network.sh. Everything ends with the process namespace that it runs in.

processes=(redis-{0,1,2} sentinel-{0,1,2} api-{0,1} worker-{0,1})
# Process ids by name.
declare -A id_of

# start NAME HOST COMMAND…: runs it on the host in the background; its output is appended to NAME.log.
start() {
    local name=$1 host=$2
    shift 2
    # Each of these execs the next, so the id is that of the command.
    CHAOS_CLOCK=$dir/clock/$name LD_PRELOAD=$dir/clock.so nsenter --net="/run/netns/host-$host" "$@" \
        >>"$dir/$name.log" 2>&1 </dev/null &
    id_of[$name]=$!
}

# Asks the shell, which knows its own children: an id may belong to another process by now.
is_running() { jobs -pr | grep -qx "${id_of[$1]:-none}"; }
has_ended() { ! is_running "$1"; }

# Kills a process with SIGKILL, without the shell's message about it.
destroy() {
    kill -KILL "${id_of[$1]}"
    wait "${id_of[$1]}" 2>/dev/null || true
}
# Stops a process with SIGTERM.
finish() {
    kill -TERM "${id_of[$1]}"
    wait_for "that $1 ends" has_ended "$1"
}
freeze() { kill -STOP "${id_of[$1]}"; }
thaw() { kill -CONT "${id_of[$1]}"; }

# Sets the wall clock of a process forward by that many seconds, or back.
set_clock() { printf '%+020d' "$2" | dd of="$dir/clock/$1" conv=notrunc status=none; }

# A failover alone takes ten.
# shellcheck disable=SC2034  # wait_for reads it
wait_seconds=60
give_up() { fail 1 "$1; logs are in $dir"; }

# Sleeps for a random number of milliseconds from $1 to $2.
sleep_between() {
    local milliseconds=$(($1 + RANDOM % ($2 - $1)))
    sleep "$((milliseconds / 1000)).$(printf %03d "$((milliseconds % 1000))")"
}

# MARK: Starting

# A restarted server follows the primary that the Sentinels have written into its redis.conf.
start_redis() { start "redis-$1" "$1" redis-server "$(disk "$1")/redis.conf"; }
start_sentinel() { start "sentinel-$1" "$1" redis-server "$(disk "$1")/sentinel.conf" --sentinel; }
# start_api HOST [FOLDER]: FOLDER holds the programs of another release.
start_api() {
    SALE_PLANTED_BUG=$bug SALE_LISTEN=$(front_address "$1"):8101 start "api-$1" "$1" "${2:-$bin}/sale-api"
}
start_worker() { SALE_PLANTED_BUG=$bug SALE_WORKER_NAME=worker-$1 start "worker-$1" 3 "$bin/sale-worker"; }

start_system() {
    local host sentinels=() name
    mkdir -p "$dir/clock"
    gcc -shared -fPIC -O2 -o "$dir/clock.so" chaos/clock.c
    for name in "${processes[@]}"; do printf '%+020d' 0 >"$dir/clock/$name"; done
    for host in 0 1 2; do
        {
            printf 'bind %s 127.0.0.1\nport 6379\nprotected-mode no\n' "$(back_address "$host")"
            printf 'dir %s\nenable-debug-command local\n' "$(disk "$host")"
            strict_redis_conf
            printf 'min-replicas-to-write 1\nrepl-backlog-size 64mb\nrepl-diskless-sync-delay 0\n'
            if [ "$host" != 0 ]; then printf 'replicaof %s 6379\n' "$(back_address 0)"; fi
        } >"$(disk "$host")/redis.conf"
        # The delivered Sentinel; the servers that it logs in to have no users here.
        sed -E -e "s/^bind .*/bind $(back_address "$host") 127.0.0.1/" -e "s|^dir .*|dir $(disk "$host")|" \
            -e "s/^(sentinel monitor sale) [^ ]*/\1 $(back_address 0)/" -e '/^sentinel auth-/d' \
            -e 's/^(sentinel failover-timeout sale) .*/\1 6000/' deploy/redis/sentinel.conf \
            >"$(disk "$host")/sentinel.conf"
        sentinels+=("$(back_address "$host"):26379")
        start_redis "$host"
    done
    # A Sentinel asks for the replicas at once, and then only every ten seconds.
    wait_for 'that both replicas follow' has_replicas 0
    for host in 0 1 2; do start_sentinel "$host"; done
    export SALE_REDIS_URL SALE_REDIS_REPLICAS=1 SALE_JWT_JWKS_FILE=$dir/keys/jwks.json SALE_DATABASE
    SALE_REDIS_URL=redis+sentinel://$(IFS=, && echo "${sentinels[*]}")/sale
    SALE_DATABASE=$(disk 3)/sale.db
    "$bin/salectl" keys init "$dir/keys" >/dev/null
    wait_for 'that the Sentinels know each other' sentinels_agree
    start_api 0
    start_api 1
    start_worker 0
    start_worker 1
    wait_for 'that everything is up' is_whole
}

# MARK: Asking

# Asks a Redis or a Sentinel, which may be frozen, from its own host, which may be cut off.
ask_redis() {
    local host=$1
    shift
    on "$host" timeout 2 redis-cli "$@"
}
ask_sentinel() {
    local host=$1
    shift
    on "$host" timeout 2 redis-cli -p 26379 "$@"
}

# The host of the primary, according to most Sentinels.
primary() {
    local host address
    address=$(for host in 0 1 2; do
        ask_sentinel "$host" SENTINEL get-master-addr-by-name sale | sed -n 1p
    done | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    echo $((${address##*.} - 1))
}
# The hosts of the other two.
replicas() {
    local host first
    first=$(primary)
    for host in 0 1 2; do [ "$host" = "$first" ] || echo "$host"; done
}
sentinels_agree() {
    local host
    for host in 0 1 2; do
        # For 30 s after its clock has jumped a Sentinel only looks on (TILT).
        ask_sentinel "$host" INFO sentinel | tr -d '\r' | grep -qx 'sentinel_tilt:0' || return 1
        ask_sentinel "$host" SENTINEL MASTER sale | grep -A 1 '^num-slaves$' | grep -qx 2 || return 1
        ask_sentinel "$host" SENTINEL CKQUORUM sale | grep -q '^OK' || return 1
    done
}
# Whether two replicas follow this host's Redis.
has_replicas() { [ "$(ask_redis "$1" INFO replication | grep -c 'state=online')" = 2 ]; }
# Whether every process runs, two replicas follow the primary, the Sentinels see everybody, and both API processes can
# sell.
is_whole() {
    local name host
    for name in "${processes[@]}"; do is_running "$name" || return 1; done
    has_replicas "$(primary)" || return 1
    sentinels_agree || return 1
    for host in 0 1; do curl -sf -m 2 "http://$(front_address "$host"):8101/readyz" || return 1; done
}
is_primary_other_than() {
    local now
    now=$(primary)
    [ "$now" != "$1" ] && ask_redis "$now" ROLE | grep -q master
}
# errors_counted CODE: the errors with this code (errorstat_CODE) on all three servers together.
errors_counted() {
    local host
    for host in 0 1 2; do ask_redis "$host" INFO errorstats; done |
        tr -d '\r' | awk -F= -v name="errorstat_$1:count" '$1 == name { sum += $2 } END { print sum + 0 }'
}
# times_logged PROGRAM EVENT: how often a program has logged an event.
times_logged() { cat "$dir/$1"*.log | grep -c "\"event\":\"$2\"" || true; }
has_sold() { [ "$(ask_redis "$(primary)" GET "sale:{$1}:position")" -gt 0 ]; }
is_drained() { "$bin/salectl" show "$1" --json | jq -e '.backlog == 0 and .state != "fenced"'; }

# MARK: Scenarios

# use_scenario NAME: one of chaos/scenarios. It must define `strike`, which breaks, calls `struck`, and heals; and
# `met`, what salectl check must see in the log. It may define `prepare`, run before the first press, and `was_met`,
# proof from the system that the fault took place.
use_scenario() {
    # shellcheck disable=SC2317  # the scenario may define others
    prepare() { :; }
    # shellcheck disable=SC2317
    was_met() { :; }
    met=''
    # shellcheck disable=SC1090
    source "chaos/scenarios/$1.sh"
}

# By the clock of the load client's log.
now_ns() { python3 -c 'import time; print(time.monotonic_ns())'; }
# Says that the fault is there. Only the first time counts.
struck() { [ "$struck_at" != null ] || struck_at=$(now_ns); }
# was_selling LOG: whether a win was answered before that time, and another asked for after it.
was_selling() {
    jq -en --argjson at "$struck_at" '[inputs | select(.status == 201)] | any(.resp_ns < $at) and any(.inv_ns > $at)' \
        "$1" >/dev/null
}

# play_round SALE DIR MOMENT STAMPEDE-OPTION…: a round of the scenario. Buyers press for a new sale, the fault strikes
# when the command MOMENT returns, everything heals, and salectl check judges. DIR then has the attempts and the reports
# of stampede and check, `fault` when it began and ended, and `wrong` why the round proves nothing; `struck_in_time` is
# no if units were not being sold when it struck.
play_round() {
    local into=$2 moment=$3 client
    sale=$1 struck_at=null wrong=()
    shift 3
    "$bin/salectl" create "$sale" --title "$sale" --stock "$stock" >/dev/null
    prepare
    "$bin/stampede" --sale "$sale" --buyers "$buyers" "$@" --log "$into/attempts.jsonl" --json \
        >"$into/report.json" 2>"$into/stampede.log" &
    client=$!
    "$moment"
    fault=("$(now_ns)")
    strike
    fault+=("$(now_ns)")
    wait "$client" || true
    wait_for 'that everything is whole again' is_whole
    # If that never happens, the check reports what is missing.
    (wait_for "that the worker has stored all of $sale" is_drained "$sale") || true
    "$bin/salectl" check "$sale" --log "$into/attempts.jsonl" --stock "$stock" --met "$met" --json \
        >"$into/check.json" || true
    # What the log must show of the fault is for the check.
    struck_in_time=yes
    was_selling "$into/attempts.jsonl" || {
        # shellcheck disable=SC2034  # for the caller
        struck_in_time=no
        wrong+=('nobody won both before and after the fault struck')
    }
    was_met || wrong+=('the system shows no trace of the fault')
}
