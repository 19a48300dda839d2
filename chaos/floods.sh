#!/usr/bin/env bash
# The floods of script/chaos, from inside the namespaces that it has made: one API process, its Redis, and buyers who are timed
# at rest, and again while somebody floods the process.
set -euo pipefail
# shellcheck source=chaos/system.sh
source chaos/system.sh

# dir and bin: folders for data, and of the programs.
: "${dir:?}" "${bin:?}" "${rounds:?}" "${buyers:?}"

# At rest as in the flood, which begins when the buyers are connected and outlasts them.
press_seconds=12 flood_seconds=13
# A p99 below this is judged as if it were this: on two cores that buyers, flood, Redis and API share, one turn of the kernel's
# scheduler takes 3 ms and more, which is many times a p99 at rest of less than a millisecond.
floor_ms=5
# What may stay of a flood's memory: the tables of connections and of descriptors have grown to the most there were, and a page
# is given back when all of it is free.
slack_kib=3072

address=127.0.0.1:8101
ulimit -n "$(ulimit -Hn)"
ip link set lo up
# Nothing else is measured than the edge: Redis answers after its fsync as ever, but its disk is in memory.
mkdir -p "$dir/redis"
mount -t tmpfs -o size=256m none "$dir/redis"
redis-server --bind 127.0.0.1 --port 6379 --dir "$dir/redis" --save '' --appendonly yes --appendfsync always \
    --no-appendfsync-on-rewrite no --auto-aof-rewrite-percentage 0 --maxmemory-policy noeviction >"$dir/redis.log" 2>&1 &
export SALE_REDIS_URL=redis://127.0.0.1:6379/0 SALE_JWT_JWKS_FILE=$dir/keys/jwks.json
"$bin/salectl" keys init "$dir/keys" >/dev/null
wait_for 'that Redis answers' redis-cli PING

# MARK: What is looked at

memory() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$api/status"; }
descriptors() { find "/proc/$api/fd" -mindepth 1 | wc -l; }
# Processor time so far, in ticks of 10 ms.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$api/stat"; }
is_ready() { curl -sf -m 2 "http://$address/readyz"; }
# Whether nobody is connected but who asks.
is_left() { curl -sf -m 2 "http://$address/metrics" | grep -qx 'sale_http_connections 1'; }
has_given_back() { [ "$(memory)" -le $((memory_before + slack_kib)) ] && [ "$(descriptors)" = "$descriptors_before" ]; }

# press NAME SECONDS: every buyer presses once, all of them win, and the report is NAME.json. A unit is left, so that each press
# is decided by Redis, and nothing is kept of a sale that is over.
press() {
    "$bin/salectl" create "$1" --title flood --stock "$((buyers + 1))" >/dev/null
    # Who has a connection keeps it: some floods leave no place for another.
    "$bin/stampede" --target "http://$address" --sale "$1" --buyers "$buyers" --over "$2s" --connections 64 --keep-idle --json \
        >"$dir/$1.json" 2>"$dir/stampede.log" || true
}
# All were told what is true, and nothing else.
is_right() {
    jq -e --argjson buyers "$buyers" '.secured == $buyers and .errors == 0 and .duplicates == 0' "$dir/$1.json" >/dev/null
}

# MARK: A round

start_api() {
    local most=12000
    [ "$1" != more-connections ] || most=1000
    SALE_LISTEN=$address SALE_MAX_CONNECTIONS=$most "$bin/sale-api" 2>>"$dir/api.log" &
    api=$!
    wait_for 'that the API can sell' is_ready
}

flood() {
    local name=$1 before
    before=$(ulimit -n)
    # With the lowest one taken and no higher one allowed, there is none left; who is connected stays.
    [ "$name" != no-descriptors ] || prlimit --pid "$api" --nofile=1:
    # With the lowest priority: what is to be seen is what the flood costs the server, not what making it costs this machine.
    nice -n 19 python3 chaos/flood.py "$name" "$address" "$flood_seconds" >"$dir/flood.json" 2>"$dir/flood.log" &
    flooding=$!
    sleep $((press_seconds - 2))
    memory_during=$(memory) descriptors_during=$(descriptors)
    wait "$flooding" || true
    [ "$name" != no-descriptors ] || prlimit --pid "$api" --nofile="$before:"
}

run_round() {
    local name=$1 round=$2 rest=$1-$2-rest flooded=$1-$2-flood pressing ticks_at_rest ticks_before
    start_api "$name"
    # What is of fixed size is touched once: the buyers' places, the sales, the buffers.
    press "$name-$round-first" 2
    wait_for 'that the buyers have gone' is_left
    memory_before=$(memory) descriptors_before=$(descriptors) ticks_before=$(ticks)
    press "$rest" "$press_seconds"
    ticks_at_rest=$(($(ticks) - ticks_before)) ticks_before=$(ticks)
    press "$flooded" "$press_seconds" &
    pressing=$!
    sleep 1
    flood "$name"
    wait "$pressing"
    ticks_in_flood=$(($(ticks) - ticks_before))
    wait_for 'that the flood has gone' is_left
    # Memory is given back when the server next looks at its connections, twice a second.
    (wait_for 'that all is given back' has_given_back) 2>/dev/null || true
    local verdict=green limit
    limit=$(jq --argjson floor "$floor_ms" '[.p99_ms, $floor] | max * 3' "$dir/$rest.json")
    if ! jq -e --argjson limit "$limit" '.p99_ms <= $limit' "$dir/$flooded.json" >/dev/null; then verdict=slow; fi
    has_given_back || verdict=keeps
    if [ "$name" = no-descriptors ]; then
        # Half of one core more than at rest: a loop that spins takes all of it.
        [ "$ticks_in_flood" -le $((ticks_at_rest + press_seconds * 50)) ] || verdict=spins
        # The buyers' connections, and no other.
        [ "$descriptors_during" -le $((descriptors_before + 64)) ] || verdict=unmet
    fi
    jq -e .met "$dir/flood.json" >/dev/null || verdict=unmet
    { is_right "$rest" && is_right "$flooded" && jq -e '.wrong == 0' "$dir/flood.json" >/dev/null; } || verdict=wrong
    is_ready >/dev/null || verdict=dead
    jq -nc --arg flood "$name" --argjson round "$round" --arg verdict "$verdict" \
        --slurpfile rest "$dir/$rest.json" --slurpfile flooded "$dir/$flooded.json" --slurpfile client "$dir/flood.json" \
        --argjson cpu "[$ticks_at_rest, $ticks_in_flood]" --argjson seconds "$press_seconds" \
        --argjson memory "[$memory_before, $memory_during, $(memory)]" \
        --argjson descriptors "[$descriptors_before, $descriptors_during, $(descriptors)]" '
        {$flood, $round, $verdict, p99_rest_ms: $rest[0].p99_ms, p99_flood_ms: $flooded[0].p99_ms,
            cpu_rest: ($cpu[0] / $seconds | round), cpu_flood: ($cpu[1] / $seconds | round),
            memory_kib: $memory, descriptors: $descriptors} + ($client[0] | {opened, ended, answers, wrong})' |
        tee -a "$dir/floods.jsonl" |
        jq -r '[.flood, .verdict, .p99_rest_ms, .p99_flood_ms, .cpu_rest, .cpu_flood,
            (.memory_kib | map(. / 1024 * 10 | round / 10) | join(" ")), (.descriptors | join(" ")),
            .opened, .ended, .answers, .wrong] | @tsv' |
        while IFS=$'\t' read -ra row; do print_row "${row[@]}"; done
    kill -TERM "$api"
    wait "$api" 2>/dev/null || true
}

print_row() { printf '%-16s %-7s %7s %8s %5s %5s %-16s %-14s %7s %7s %8s %5s\n' "$@"; }

print_row flood verdict rest_ms flood_ms cpu% cpu% memory_mib descriptors opened ended answers wrong
print_row '' '' p99 p99 rest flood 'before in after' 'before in after' '' '' '' ''
for name; do
    for round in $(seq "$rounds"); do run_round "$name" "$round"; done
done
# Slow can be the machine, if it is seldom; everything else is ours.
jq -es 'group_by(.flood) | all(all(.verdict | IN("green", "slow"))
    and ([.[] | select(.verdict == "slow")] | length) * 2 < length)' "$dir/floods.jsonl" >/dev/null
