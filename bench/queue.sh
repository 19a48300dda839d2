# shellcheck shell=bash disable=SC2154,SC2034
# What a waiting room costs and what it gains; sourced by script/bench.
#
# First --buyers join at one sale-api before the opening, and are admitted within about fifty seconds: joins per second
# of one core, memory in Redis, and a proof of the whole sale at the end. Then a tenth of them, at most 100,000, come
# through nginx to two API processes within five seconds, without a waiting room and with one that admits them within
# twenty, for comparison.

: "${buyers:=1000000}" "${connections:=256}"

start_redis redis
redis=$started
ledger_port=$(free_port)
export SALE_DATABASE=$dir/sale.db
SALE_OPS_LISTEN=unix:$dir/ops.sock SALE_LEDGER_LISTEN=127.0.0.1:$ledger_port start worker "$bin/sale-worker"
apis=() api_ports=() servers=()
for number in 1 2; do
    start_api "api-$number"
    apis+=("$started") api_ports+=("$api_port") servers+=("127.0.0.1:$api_port")
done
nginx_port=$(free_port)
# shellcheck disable=SC2153
nginx_site "$dir/nginx" sale "127.0.0.1:$nginx_port" "${servers[@]}"
nginx_ledger "$dir/nginx" "127.0.0.1:$ledger_port"
start nginx nginx -p "$dir/nginx" -c "$dir/nginx/etc/sale.conf" -g "$nginx_globals"

joined() { redis-cli -p "$redis_port" HLEN "sale:{$1}:tickets"; }
used_memory() { redis-cli -p "$redis_port" INFO memory | tr -d '\r' | awk -F: '$1 == "used_memory" { print $2 }'; }

# stampede NAME OPTION…: runs the load client in the background as $client; its report is NAME.json, its log NAME.jsonl.
stampede() {
    local name=$1
    shift
    "$bin/stampede" --sale "$name" --json --log "$dir/$name.jsonl" "$@" >"$dir/$name.json" 2>"$dir/$name.log" 9>&- &
    client=$!
}

is_drained() { [ "$("$bin/salectl" show "$1" --json | jq .backlog)" = 0 ]; }

# prove NAME UNITS: waits for the end of the stampede and of the worker's backlog, and proves the sale of so many units.
prove() {
    wait "$client" || wrong "the load client reports errors for $1"
    jq -e '.lost == 0' "$dir/$1.json" >/dev/null || wrong "attempts for $1 were lost"
    jq -e --argjson units "$2" '.secured == ([.buyers, $units] | min)' "$dir/$1.json" >/dev/null ||
        wrong "not all units of $1 were sold"
    succeeds_within 60 is_drained "$1" || say "the worker has not stored all of $1"
    "$bin/salectl" check "$1" --log "$dir/$1.jsonl" --stock "$2" --json >"$dir/$1.check" ||
        wrong "the checker is red for $1"
    "$bin/salectl" fairness "$dir/$1.jsonl" --json >"$dir/$1.fairness" || wrong "$1 was not fair"
    jq -n --arg name "$1" --slurpfile report "$dir/$1.json" --slurpfile check "$dir/$1.check" \
        --slurpfile fairness "$dir/$1.fairness" '$report[0] as $r | $fairness[0] as $f
        | {name: $name, buyers: $r.buyers, secured: $r.secured, sold_out: $r.sold_out, errors: $r.errors,
            verdict: $check[0].verdict,
            busiest_second: $f.busiest_second, p50_ms: $r.p50_ms, p99_ms: $r.p99_ms, max_ms: $r.max_ms,
            ticket_inversions: ($f.tickets.inversions // [] | length),
            ticket_largest_lead_ms: (($f.tickets.largest_lead_ns // 0) / 1e6),
            unit_inversions: ($f.units.inversions | length), unit_largest_lead_ms: ($f.units.largest_lead_ns / 1e6),
            missed_it: ($f.cut.missed_it // 0), missed_it_by_ms: (($f.cut.missed_it_by_ns // 0) / 1e6),
            sold_out_after_ms: (($f.cut.sold_out_after_ns // 0) / 1e6)}'
}

# Everybody joins one process before the opening.
opens_in=$((8 + buyers / 15000))
opens_ms=$(($(now_ms) + opens_in * 1000))
rate=$(((buyers + 49) / 50))
say "joining, $opens_in s before the opening"
"$bin/salectl" create million --title bench --stock "$stock" --opens-at "+${opens_in}s" --admit "$rate/s" >/dev/null
before=$(used_memory)
stampede million --queue --target "http://127.0.0.1:${api_ports[0]}" --buyers "$buyers" --connections "$connections"
until [ "$(joined million)" -gt 0 ]; do
    kill -0 "$client" 2>/dev/null || give_up 'the load client has ended early'
    sleep 0.02
done
ticks_before=$(ticks "${apis[0]}") redis_before=$(ticks "$redis") begin=$(now_ms)
while [ "$(joined million)" -lt "$buyers" ]; do
    kill -0 "$client" 2>/dev/null || give_up 'the load client has ended early'
    sleep 0.05
done
end=$(now_ms)
api_ticks=$(($(ticks "${apis[0]}") - ticks_before)) redis_ticks=$(($(ticks "$redis") - redis_before))
early=$((opens_ms - end))
[ "$early" -gt 0 ] || wrong 'not all had joined at the opening'
per_buyer=$((($(used_memory) - before) / buyers))
hash=$(redis-cli -p "$redis_port" MEMORY USAGE 'sale:{million}:tickets' SAMPLES 1000)
say "all joined after $((end - begin)) ms, $early ms before the opening; serving $rate/s"
ticks_before=$(ticks "${apis[0]}") redis_before=$(ticks "$redis")
prove million "$stock" >"$dir/million.proof"
buy_api_ticks=$(($(ticks "${apis[0]}") - ticks_before)) buy_redis_ticks=$(($(ticks "$redis") - redis_before))
jq --argjson ms "$((end - begin))" --argjson api "$api_ticks" --argjson redis "$redis_ticks" \
    --argjson buy_api "$buy_api_ticks" --argjson buy_redis "$buy_redis_ticks" --argjson memory "$per_buyer" \
    --argjson hash "$((hash / buyers))" --argjson rate "$rate" --argjson early "$early" \
    '. + {rate: $rate, joined_before_opening_ms: $early, joins_per_second: (.buyers * 1000 / $ms | floor),
        join_api_us: ($api * 10000 / .buyers), join_redis_us: ($redis * 10000 / .buyers),
        purchase_api_us: ($buy_api * 10000 / .buyers), purchase_redis_us: ($buy_redis * 10000 / .buyers),
        redis_bytes_per_buyer: $memory, tickets_bytes_per_buyer: $hash}' "$dir/million.proof" >"$dir/million.result"
rm -f "$dir/million.jsonl"

say 'a tenth of them through nginx, without a waiting room and with one'
few=$((buyers / 10 < 100000 ? buyers / 10 : 100000))
few=$((few > 10 ? few : 10)) # of whom a tenth can buy
# From as many addresses as nginx' limits per address are meant for.
url=http://127.0.0.1:$nginx_port
"$bin/salectl" create without --title bench --stock "$((few / 10))" >/dev/null
stampede without --target "$url" --sources 500 --buyers "$few" --over 5s
prove without "$((few / 10))" >"$dir/without.result"
"$bin/salectl" create with --title bench --stock "$((few / 10))" --opens-at +8s --admit "$(((few + 19) / 20))/s" \
    >/dev/null
stampede with --queue --target "$url" --sources 500 --buyers "$few" --over 5s
prove with "$((few / 10))" >"$dir/with.result"

cat "$dir/million.result" "$dir/without.result" "$dir/with.result" >"$dir/rows.jsonl"
summarize '{rows: map(map_values(rounded)),
    figures: (.[0] | {joins_per_second, join_api_us, join_redis_us, redis_bytes_per_buyer} | map_values(rounded))}'
