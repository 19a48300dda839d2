# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# A million buyers: the time in which all are decided, beside the time in which the bare epoll loop echoes as many
# requests of the same client; sourced by script/bench.
#
# On 2 cores the client, Redis and two API processes share what the echo shares with the client alone; the ratio is what
# deciding adds. There are two API processes, since one would be busy while the client's core has time to spare.
#
# A last round, not timed, logs every attempt and has a worker store the winners; then salectl proves the sale.

# shellcheck source=bench/peers.sh
source bench/peers.sh
: "${buyers:=1000000}" "${connections:=256}"
winners=$((buyers < stock ? buyers : stock))
right=".secured == $winners and .errors == 0 and .duplicates == 0"

start_redis redis
redis=$started
start_peer echo
echo=$started echo_port=$peer_port
apis=() targets=()
for index in 1 2; do
    start_api "api-$index"
    apis+=("$started") targets+=(--target "http://127.0.0.1:$api_port")
done

load=(--buyers "$buyers" --connections "$connections")
for round in $(seq "$rounds"); do
    measure echo million "$echo" "$redis" --target "http://127.0.0.1:$echo_port" "${load[@]}"
    expect '.sold_out == .buyers'
    create_sale "million-$round" "$stock"
    measure ours "million-$round" "${apis[*]}" "$redis" "${targets[@]}" "${load[@]}"
    expect "$right"
done

say 'once more, with a log and a worker'
export SALE_DATABASE=$dir/sale.db
SALE_OPS_LISTEN=unix:$dir/ops.sock SALE_LEDGER_LISTEN=unix:$dir/ledger.sock start worker "$bin/sale-worker"
create_sale proven "$stock"
press proven "${targets[@]}" "${load[@]}" --log "$dir/attempts.jsonl"
expect "$right"
persisted() { sqlite3 -readonly "$SALE_DATABASE" "SELECT persisted_position FROM sales WHERE sale = 'proven'"; }
stored() { [ "$(persisted)" = "$winners" ]; }
wait_for 'the last winner in SQLite' stored
green=1
"$bin/salectl" check proven --log "$dir/attempts.jsonl" --stock "$stock" --json >"$dir/check.json" || green=0
say "salectl check: $(cat "$dir/check.json")"
[ "$green" = 1 ] || wrong 'the checker is red'
rm -f "$dir/attempts.jsonl"

summarize 'def seconds: .buyers / .decisions_per_second;
    [group_by(.round)[] | (row("ours") | seconds) / (row("echo") | seconds)] as $ratios
    | medians as $rows
    | {rows: $rows, figures: {seconds: ($rows | row("ours") | seconds | rounded),
        echo_seconds: ($rows | row("echo") | seconds | rounded), time_over_echo: ($ratios | median | rounded),
        secured: ($rows | row("ours").secured), errors: ($rows | row("ours").errors), checker_green: $green}}' \
    --argjson green "$green"
