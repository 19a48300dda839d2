# shellcheck shell=bash disable=SC2154,SC2034
# What a waiting room costs and what it is good for; sourced by script/bench.
#
# First --buyers join before the opening, at one sale-api, and are let in within about fifty seconds: joins a second of one
# core, memory in Redis, and the whole of it proven at the end. Then a tenth of them, at most 100,000, come through nginx to
# two API processes within five seconds, without a waiting room and with one that lets them in within twenty, side by side.

port=$(free_port)
start_redis redis "$port"
for _ in $(seq 100); do
    redis-cli -p "$port" ping >/dev/null 2>&1 && break
    sleep 0.1
done
ledger_port=$(free_port)
export SALE_REDIS_URL=redis://127.0.0.1:$port/0 SALE_DATABASE=$dir/sale.db
SALE_OPS_LISTEN=unix:$dir/ops.sock SALE_LEDGER_LISTEN=127.0.0.1:$ledger_port "$bin/sale-worker" 2>"$dir/worker.log" 9>&- &
ids+=("$!")
api_ports=() api_ids=() servers=()
for number in 1 2; do
    api_port=$(free_port)
    SALE_LISTEN=127.0.0.1:$api_port "$bin/sale-api" 2>"$dir/api-$number.log" 9>&- &
    api_ids+=("$!")
    ids+=("$!")
    api_ports+=("$api_port")
    servers+=("127.0.0.1:$api_port")
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:$api_port/readyz" >/dev/null && break
        sleep 0.1
    done
done
nginx_port=$(free_port)
# shellcheck disable=SC2153
nginx_site "$dir/nginx" sale "127.0.0.1:$nginx_port" "${servers[@]}"
nginx_ledger "$dir/nginx" "127.0.0.1:$ledger_port"
nginx -p "$dir/nginx" -c "$dir/nginx/etc/sale.conf" -g "$nginx_globals" 2>"$dir/nginx.err" 9>&- &
ids+=("$!")

now_ms() { date +%s%3N; }
joined() { redis-cli -p "$port" HLEN "sale:{$1}:tickets"; }
used_memory() { redis-cli -p "$port" INFO memory | tr -d '\r' | awk -F: '$1 == "used_memory" { print $2 }'; }

# stampede NAME OPTION…: its report and its log are NAME.json and NAME.jsonl; it runs in the background, as $client.
stampede() {
    local name=$1
    shift
    "$bin/stampede" --sale "$name" --json --log "$dir/$name.jsonl" "$@" >"$dir/$name.json" 2>"$dir/$name.log" 9>&- &
    client=$!
}

# prove NAME: waits for the end of the stampede and of the worker's backlog, and holds all against each other.
prove() {
    wait "$client" || wrong=1
    for _ in $(seq 600); do
        [ "$("$bin/salectl" show "$1" --json | jq .backlog)" = 0 ] && break
        sleep 0.1
    done
    "$bin/salectl" check "$1" --log "$dir/$1.jsonl" --json >"$dir/$1.check" || wrong=1
    "$bin/salectl" fairness "$dir/$1.jsonl" --json >"$dir/$1.fairness" || wrong=1
    jq -n --arg name "$1" --slurpfile report "$dir/$1.json" --slurpfile check "$dir/$1.check" \
        --slurpfile fairness "$dir/$1.fairness" '$report[0] as $r | $fairness[0] as $f | {kind: $name, buyers: $r.buyers,
            secured: $r.secured, sold_out: $r.sold_out, errors: $r.errors, verdict: $check[0].verdict,
            busiest_second: $f.busiest_second, p50_ms: $r.p50_ms, p99_ms: $r.p99_ms, max_ms: $r.max_ms,
            ticket_inversions: ($f.tickets.inversions // [] | length),
            ticket_largest_lead_ms: (($f.tickets.largest_lead_ns // 0) / 1e6),
            unit_inversions: ($f.units.inversions | length), unit_largest_lead_ms: ($f.units.largest_lead_ns / 1e6),
            missed_it: ($f.cut.missed_it // 0), missed_it_by_ms: (($f.cut.missed_it_by_ns // 0) / 1e6),
            sold_out_after_ms: (($f.cut.sold_out_after_ns // 0) / 1e6)}'
}

# All of them, before the opening, at one process.
opens_in=$((8 + buyers / 15000))
opens_ms=$(($(now_ms) + opens_in * 1000))
rate=$(((buyers + 49) / 50))
"$bin/salectl" create million --title bench --stock "$stock" --opens-at "+${opens_in}s" --admit "$rate/s" >/dev/null
before=$(used_memory)
stampede million --queue --target "http://127.0.0.1:${api_ports[0]}" --buyers "$buyers" --connections "$connections"
until [ "$(joined million)" -gt 0 ]; do sleep 0.02; done
ticks_before=$(ticks "${api_ids[0]}") redis_before=$(ticks "$started") begin=$(now_ms)
while [ "$(joined million)" -lt "$buyers" ]; do
    kill -0 "$client" 2>/dev/null || { echo 'script/bench: the load client has ended early' >&2 && exit 1; }
    sleep 0.05
done
end=$(now_ms)
api_ticks=$(($(ticks "${api_ids[0]}") - ticks_before)) redis_ticks=$(($(ticks "$started") - redis_before))
early=$((opens_ms - end))
[ "$early" -gt 0 ] || { echo 'script/bench: not all had joined at the opening' >&2 && wrong=1; }
per_buyer=$((($(used_memory) - before) / buyers))
hash=$(redis-cli -p "$port" MEMORY USAGE 'sale:{million}:tickets' SAMPLES 1000)
echo "all joined after $((end - begin)) ms, $early ms before the opening; serving $rate/s" >&2
ticks_before=$(ticks "${api_ids[0]}") redis_before=$(ticks "$started")
prove million >"$dir/million.proof"
buy_api_ticks=$(($(ticks "${api_ids[0]}") - ticks_before)) buy_redis_ticks=$(($(ticks "$started") - redis_before))
jq --argjson ms "$((end - begin))" --argjson api "$api_ticks" --argjson redis "$redis_ticks" \
    --argjson buy_api "$buy_api_ticks" --argjson buy_redis "$buy_redis_ticks" --argjson memory "$per_buyer" \
    --argjson hash "$((hash / buyers))" --argjson rate "$rate" --argjson early "$early" \
    '. + {rate: $rate, joined_before_opening_ms: $early, joins_per_second: (.buyers * 1000 / $ms | floor),
        join_api_us: ($api * 10000 / .buyers), join_redis_us: ($redis * 10000 / .buyers),
        purchase_api_us: ($buy_api * 10000 / .buyers), purchase_redis_us: ($buy_redis * 10000 / .buyers),
        redis_bytes_per_buyer: $memory, tickets_bytes_per_buyer: $hash}' "$dir/million.proof" >"$dir/million.result"
rm -f "$dir/million.jsonl"

# A tenth of them through nginx, without and with a waiting room.
few=$((buyers / 10 < 100000 ? buyers / 10 : 100000))
# From as many addresses as nginx' limits per address are made for.
url=http://127.0.0.1:$nginx_port
"$bin/salectl" create without --title bench --stock "$((few / 10))" >/dev/null
stampede without --target "$url" --sources 500 --buyers "$few" --over 5s
prove without >"$dir/without.result"
"$bin/salectl" create with --title bench --stock "$((few / 10))" --opens-at +8s --admit "$(((few + 19) / 20))/s" >/dev/null
stampede with --queue --target "$url" --sources 500 --buyers "$few" --over 5s
prove with >"$dir/with.result"

summary=$(jq -s . "$dir/million.result" "$dir/without.result" "$dir/with.result")
if [ "$json" = yes ]; then
    printf '%s\n' "$summary"
else
    jq -r '.[] | (.kind), (del(.kind) | to_entries[] | "  \(.key) \(.value)")' <<<"$summary"
fi
