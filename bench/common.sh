# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# Shared by the sections: starting and stopping, the load, rows and summaries; sourced by script/bench.

# Folders outside var/bench.
scratch=()
# Ends what was started, with SIGKILL after ten seconds.
# shellcheck disable=SC2317  # called by the trap
stop_all() {
    local end=$((SECONDS + 10))
    # Only what the shell knows to be running: the id of what has ended may belong to another process.
    # shellcheck disable=SC2046  # one word each
    kill $(jobs -pr) 2>/dev/null || true
    while [ -n "$(jobs -pr)" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
    # shellcheck disable=SC2046
    kill -KILL $(jobs -pr) 2>/dev/null || true
    wait
    if [ ${#scratch[@]} -gt 0 ]; then rm -rf "${scratch[@]}"; fi
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# give_up WHY [CODE]
give_up() { fail "${2:-70}" "$1; logs are in $dir"; }

# start NAME COMMAND…: runs it in the background with its output in NAME.log; the id is in $started.
start() {
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
    started=$!
}

# stop ID: ends a process that was started here, and waits for it.
stop() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_redis NAME SETTING…: strict, except for the settings; the id is in $started, the port in $redis_port.
start_redis() {
    local name=$1
    shift
    redis_port=$(free_port)
    mkdir -p "$dir/$name"
    start "$name" redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$dir/$name" "${redis_strict[@]}" "$@"
    wait_for "$name" is_redis "$redis_port" "$started"
    export SALE_REDIS_URL=redis://127.0.0.1:$redis_port/0
    note_conntrack "$redis_port"
}

# is_redis PORT ID: whether the Redis that answers at the port is this process, and no other that has taken the port.
is_redis() { redis-cli -p "$1" INFO server | tr -d '\r' | grep -qx "process_id:$2"; }

# note_conntrack PORT: reports, once in a run, that the kernel tracks this machine's own connections, as the rules of a
# firewall or a container engine make it do: that is a tenth of what a decision costs (docs/performance.md).
note_conntrack() {
    if [ -e var/bench/conntrack ] || [ ! -r /proc/net/nf_conntrack ]; then return; fi
    touch var/bench/conntrack
    exec 8<>"/dev/tcp/127.0.0.1/$1"
    if grep -q " dport=$1 " /proc/net/nf_conntrack; then
        echo 'script/bench: nf_conntrack tracks connections to 127.0.0.1: everything costs about a tenth more' >&2
    fi
    exec 8>&-
}

# start_api NAME [PROGRAM]: on the Redis that was started last; the id is in $started, the port in $api_port.
start_api() {
    api_port=$(free_port)
    SALE_LISTEN=127.0.0.1:$api_port start "$1" "${2:-$bin/sale-api}"
    wait_for "$1" curl -sf "http://127.0.0.1:$api_port/readyz"
}

create_sale() { "$bin/salectl" create "$1" --title bench --stock "$2" >/dev/null; }

# create_sold_out_sale NAME API-PORT: one buyer has bought the only unit; everybody else hears that it is sold out.
create_sold_out_sale() {
    local token code
    create_sale "$1" 1
    token=$("$bin/salectl" token --subject first-in-line)
    code=$(curl -s -o /dev/null -w '%{http_code}' -X POST \
        -H "Authorization: Bearer $token" -H 'Idempotency-Key: first' \
        "http://127.0.0.1:$2/v1/sales/$1/purchases")
    [ "$code" = 201 ] || give_up 'the only unit could not be bought'
}

wrong() {
    say "WRONG: $1"
    touch "$dir/wrong"
}

# press SALE STAMPEDE-OPTION…: runs the load client; its report is in report.json. Nothing is broken in a benchmark, so
# every attempt must get one answer that can be read.
press() {
    local sale=$1 log=$dir/stampede.log
    shift
    if [ -t 2 ]; then log=/dev/stderr; fi
    "${under[@]}" "$bin/stampede" --sale "$sale" --json "$@" >"$dir/report.json" 2>>"$log" 9>&- || true
    [ -s "$dir/report.json" ] || give_up 'the load client gave no report'
    expect '.lost == 0 and .malformed == 0'
}

# What the load client runs under: nothing, or perf.
under=()

# reported [JQ-OPTION…] FILTER: figures of the last report.
reported() { jq -c "$@" "$dir/report.json"; }

# expect FILTER: must be true of the last report.
expect() { [ "$(reported "$1")" = true ] || wrong "not $1: $(cat "$dir/report.json")"; }

# measure NAME SALE "API-ID…" REDIS-ID STAMPEDE-OPTION…: runs the load client, and adds a row with the CPU per decision.
measure() {
    local name=$1 sale=$2 apis redis=$4 before after
    read -ra apis <<<"$3"
    shift 4
    before=("$(ticks "${apis[@]}")" "$(ticks "$redis")")
    press "$sale" "$@"
    after=("$(ticks "${apis[@]}")" "$(ticks "$redis")")
    reported --arg name "$name" --argjson round "$round" --argjson api "$((after[0] - before[0]))" \
        --argjson redis "$((after[1] - before[1]))" \
        '{name: $name, round: $round} + (. + {api_us: ($api * 10000 / .buyers), redis_us: ($redis * 10000 / .buyers)}
            | .total_us = .api_us + .redis_us
            | {buyers, attempts, secured, errors, api_us, redis_us, total_us, client_us, decisions_per_second, p50_ms,
                p99_ms})' |
        add_row
}

# Adds the row on stdin, and prints it.
add_row() {
    tee -a "$dir/rows.jsonl" | jq -r --argjson rounds "$rounds" '"\(.name), round \(.round) of \($rounds): "
        + (del(.name, .round) | to_entries
            | map("\(.key) \(.value | if type == "number" then . * 100 | round / 100 else . end)") | join(", "))' |
        while read -r line; do say "$line"; done
}

# summarize JQ-PROGRAM [JQ-OPTION…]: makes the section's summary of its rows; fails if an answer was wrong.
summarize() {
    local program='include "figures"; '$1
    shift
    jq -s -L bench "$@" "$program" "$dir/rows.jsonl" >"$dir/summary.json"
    [ ! -e "$dir/wrong" ]
}

export SALE_JWT_JWKS_FILE=$dir/keys/jwks.json
"$bin/salectl" keys init "$dir/keys" >"$dir/keys.log"
