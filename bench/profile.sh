# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# Where each microsecond of a decision goes; sourced by script/bench.
#
# perf samples sale-api, Redis and the client a thousand times a second each, while buyers press in a sold-out sale and
# Redis decides every press; bench/attribute.awk assigns each sample to a part. A part's microseconds are its share of
# what the process took per decision in a run without perf. The client signs before its first press, and that is left
# out.

# shellcheck source=bench/peers.sh
source bench/peers.sh
: "${buyers:=1000000}" "${connections:=128}"
round=1 rounds=1
command -v perf >/dev/null || install linux-perf

start_redis redis
redis=$started
SALE_EDGE_CACHE=off start_api api
api=$started
create_sold_out_sale profile "$api_port"
load=(--target "http://127.0.0.1:$api_port" --buyers "$buyers" --connections "$connections")
measure plain profile "$api" "$redis" "${load[@]}"
expect '.sold_out == .buyers'

say 'the same under perf'
sampling=(perf record -q -F 997 -g)
"${sampling[@]}" -o "$dir/api.data" -p "$api" 2>"$dir/perf-api.log" &
samplers=("$!")
"${sampling[@]}" -o "$dir/redis.data" -p "$redis" 2>"$dir/perf-redis.log" &
samplers+=("$!")
under=("${sampling[@]}" -o "$dir/client.data")
press profile "${load[@]}"
for id in "${samplers[@]}"; do
    kill -INT "$id"
    wait "$id" || true
done

# parts PROCESS FIGURE: the parts of a process, largest first.
parts() {
    perf script -i "$dir/$1.data" -F comm,ip,sym,dso 2>/dev/null | awk -f bench/attribute.awk |
        jq -Rn --arg process "$1" --argjson us "$(jq -s ".[0].$2" "$dir/rows.jsonl")" \
            '[inputs | split("\t") | {part: .[0], samples: (.[1] | tonumber)}
                | select(.part != "apart" and ($process != "client" or .part != "auth"))]
                | (map(.samples) | add) as $all
                | sort_by(-.samples)[] | {name: "\($process) \(.part)", us: (.samples * $us / $all)}' -c
}
for pair in 'client client_us' 'api api_us' 'redis redis_us'; do
    read -ra pair <<<"$pair"
    parts "${pair[@]}" >>"$dir/parts.jsonl"
done

summarize '{rows: ($parts | map({name, us: (.us | rounded)}) | map(select(.us >= 0.005))),
      figures: (.[0] | {api_us, redis_us, client_us} | map_values(rounded))}' \
    --slurpfile parts "$dir/parts.jsonl"
