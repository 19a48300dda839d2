#!/usr/bin/env bash
# The floods of script/chaos, inside the namespaces that it has made: one API process, its Redis, and buyers who are
# timed at rest and again during a flood.
set -euo pipefail
# shellcheck source=script/common.sh
source script/common.sh

# dir, bin: folders of the data and of the programs.
: "${dir:?}" "${bin:?}" "${rounds:?}" "${buyers:?}"

# The same at rest and in the flood, which begins once the buyers are connected and outlasts them.
press_seconds=12 flood_seconds=13
# A lower p99 counts as this: on two cores that buyers, flood, Redis and API share, one time slice of the kernel's
# scheduler is 3 ms and more, many times a p99 at rest of less than a millisecond.
floor_ms=5
# Memory that may stay after a flood: the tables of connections and of descriptors keep their greatest size, and a page
# is returned only when all of it is free.
slack_kib=3072

# A flood starves what we wait for.
wait_seconds=60
give_up() { fail 1 "$1; logs are in $dir"; }

address=127.0.0.1:8101
ulimit -n "$(ulimit -Hn)"
ip link set lo up
# Only the edge is measured: Redis still answers after its fsync, but its disk is in memory.
mkdir -p "$dir/redis"
mount -t tmpfs -o size=256m none "$dir/redis"
redis-server --bind 127.0.0.1 --port 6379 --dir "$dir/redis" "${redis_strict[@]}" >"$dir/redis.log" 2>&1 &
export SALE_REDIS_URL=redis://127.0.0.1:6379/0 SALE_JWT_JWKS_FILE=$dir/keys/jwks.json
"$bin/salectl" keys init "$dir/keys" >/dev/null
wait_for 'that Redis answers' redis-cli PING

# MARK: Observations

descriptors() { find "/proc/$api/fd" -mindepth 1 | wc -l; }
is_ready() { curl -sf -m 2 "http://$address/readyz"; }
# Whether nobody else is connected.
is_left() { curl -sf -m 2 "http://$address/metrics" | grep -qx 'sale_http_connections 1'; }
has_given_back() {
    [ "$(memory_kib "$api")" -le $((memory_before + slack_kib)) ] && [ "$(descriptors)" = "$descriptors_before" ]
}

# press NAME SECONDS: every buyer presses once and wins; the report is NAME.json. One unit is left, so that Redis
# decides every press and nothing is held of a sold-out sale.
press() {
    "$bin/salectl" create "$1" --title flood --stock "$((buyers + 1))" >/dev/null
    # Connections are kept: some floods leave no place for a new one.
    "$bin/stampede" --target "http://$address" --sale "$1" --buyers "$buyers" --over "$2s" --connections 64 \
        --keep-idle --json >"$dir/$1.json" 2>"$dir/stampede.log" || true
}
# Whether every answer was right.
is_right() {
    jq -e --argjson buyers "$buyers" '.secured == $buyers and .errors == 0 and .duplicates == 0' "$dir/$1.json" \
        >/dev/null
}

# MARK: A round

start_api() {
    local most=12000
    if [ "$1" = more-connections ]; then most=1000; fi
    SALE_LISTEN=$address SALE_MAX_CONNECTIONS=$most "$bin/sale-api" 2>>"$dir/api.log" &
    api=$!
    wait_for 'that the API can sell' is_ready
}

flood() {
    local name=$1 before
    before=$(ulimit -n)
    # The only descriptor that it may have is taken, so it has none for new connections; old ones stay.
    if [ "$name" = no-descriptors ]; then prlimit --pid "$api" --nofile=1:; fi
    # With the lowest priority: the cost to the server matters, not the cost of making the flood.
    nice -n 19 python3 chaos/flood.py "$name" "$address" "$flood_seconds" >"$dir/flood.json" 2>"$dir/flood.log" &
    flooding=$!
    sleep $((press_seconds - 2))
    memory_during=$(memory_kib "$api") descriptors_during=$(descriptors)
    wait "$flooding" || true
    if [ "$name" = no-descriptors ]; then prlimit --pid "$api" --nofile="$before:"; fi
}

run_round() {
    local name=$1 round=$2 rest=$1-$2-rest flooded=$1-$2-flood pressing ticks_at_rest ticks_before
    start_api "$name"
    # Touches once what has a fixed size: the buyers' places, the sales, the buffers.
    press "$name-$round-first" 2
    wait_for 'that the buyers have gone' is_left
    memory_before=$(memory_kib "$api") descriptors_before=$(descriptors) ticks_before=$(ticks "$api")
    press "$rest" "$press_seconds"
    ticks_at_rest=$(($(ticks "$api") - ticks_before)) ticks_before=$(ticks "$api")
    press "$flooded" "$press_seconds" &
    pressing=$!
    sleep 1
    flood "$name"
    wait "$pressing"
    ticks_in_flood=$(($(ticks "$api") - ticks_before))
    wait_for 'that the flood has gone' is_left
    # The server returns memory when it next sweeps its connections, twice a second.
    (wait_for 'that everything is returned' has_given_back) 2>/dev/null || true
    local verdict=green limit
    limit=$(jq --argjson floor "$floor_ms" '[.p99_ms, $floor] | max * 3' "$dir/$rest.json")
    if ! jq -e --argjson limit "$limit" '.p99_ms <= $limit' "$dir/$flooded.json" >/dev/null; then verdict=slow; fi
    has_given_back || verdict=keeps
    if [ "$name" = no-descriptors ]; then
        # At most half a core more than at rest: a spinning loop takes a whole core.
        [ "$ticks_in_flood" -le $((ticks_at_rest + press_seconds * 50)) ] || verdict=spins
        # Only the buyers' connections.
        [ "$descriptors_during" -le $((descriptors_before + 64)) ] || verdict=unmet
    fi
    jq -e .met "$dir/flood.json" >/dev/null || verdict=unmet
    { is_right "$rest" && is_right "$flooded" && jq -e '.wrong == 0' "$dir/flood.json" >/dev/null; } || verdict=wrong
    is_ready >/dev/null || verdict=dead
    jq -nc --arg flood "$name" --argjson round "$round" --arg verdict "$verdict" \
        --slurpfile rest "$dir/$rest.json" --slurpfile flooded "$dir/$flooded.json" \
        --slurpfile client "$dir/flood.json" \
        --argjson cpu "[$ticks_at_rest, $ticks_in_flood]" --argjson seconds "$press_seconds" \
        --argjson memory "[$memory_before, $memory_during, $(memory_kib "$api")]" \
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
# The machine may be slow now and then; everything else is our fault.
jq -es 'group_by(.flood) | all(all(.verdict | IN("green", "slow"))
    and ([.[] | select(.verdict == "slow")] | length) * 2 < length)' "$dir/floods.jsonl" >/dev/null
