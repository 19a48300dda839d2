# shellcheck shell=bash disable=SC2154,SC2034
# What the decision costs: one API process straight at the load client, Redis beside them; sourced by script/bench.

kinds=(strict)
[ "$section" = decide ] || kinds=(relaxed strict replica)

# The processes and the port of each kind.
declare -A redis_of api_of api_port_of redis_port_of

for kind in "${kinds[@]}"; do
    port=$(free_port)
    settings=() durability=strict replicas=0
    case $kind in
    relaxed)
        settings=(--appendonly no)
        durability=relaxed
        ;;
    replica)
        settings=(--min-replicas-to-write 1)
        replicas=1
        ;;
    esac
    start_redis "redis-$kind" "$port" "${settings[@]}"
    redis_of[$kind]=$started
    redis_port_of[$kind]=$port
    [ "$kind" != replica ] || start_redis "redis-$kind-2" "$(free_port)" --replicaof 127.0.0.1 "$port"
    api_port_of[$kind]=$(free_port)
    SALE_REDIS_URL=redis://127.0.0.1:$port/0 SALE_DURABILITY=$durability SALE_REDIS_REPLICAS=$replicas \
        SALE_LISTEN=127.0.0.1:${api_port_of[$kind]} "$bin/sale-api" 2>"$dir/api-$kind.log" 9>&- &
    api_of[$kind]=$!
    ids+=("$!")
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:${api_port_of[$kind]}/readyz" >/dev/null && break
        sleep 0.1
    done
done

# One round on one kind of Redis; a line of JSON is added to its rounds.
measure() {
    local kind=$1 round=$2
    local before after
    SALE_REDIS_URL=redis://127.0.0.1:${redis_port_of[$kind]}/0 \
        "$bin/salectl" create "bench-$round" --title bench --stock "$stock" >/dev/null
    before=("$(ticks "${api_of[$kind]}")" "$(ticks "${redis_of[$kind]}")")
    TIMEFORMAT='%U %S'
    { time "$bin/stampede" --target "http://127.0.0.1:${api_port_of[$kind]}" --sale "bench-$round" \
        --buyers "$buyers" --connections "$connections" --json >"$dir/report.json" 2>"$dir/stampede.log"; } \
        2>"$dir/client.time" || wrong=1
    after=("$(ticks "${api_of[$kind]}")" "$(ticks "${redis_of[$kind]}")")
    jq -c --argjson api "$((after[0] - before[0]))" --argjson redis "$((after[1] - before[1]))" \
        --argjson client "$(awk '{ print $1 + $2 }' "$dir/client.time")" --arg kind "$kind" \
        '{kind: $kind} + . + {api_us: ($api * 10000 / .buyers), redis_us: ($redis * 10000 / .buyers),
              client_us: ($client * 1000000 / .buyers)}' "$dir/report.json" >>"$dir/rounds.jsonl"
    [ "$(jq .secured "$dir/report.json")" = "$((buyers < stock ? buyers : stock))" ] || wrong=1
    tail -n 1 "$dir/rounds.jsonl" | jq -r --arg round "$round" \
        '"round \($round) \(.kind): \(.decisions_per_second | floor)/s, p99 \(.p99_ms) ms, api \(.api_us * 100 | round / 100) µs, redis \(.redis_us * 100 | round / 100) µs"' >&2
}

for round in $(seq "$rounds"); do
    for kind in "${kinds[@]}"; do measure "$kind" "$round"; done
done

summary=$(jq -s 'def median: sort | .[(length - 1) / 2 | floor];
    def summary: {rounds: length, buyers: .[0].buyers, secured: (map(.secured) | median), errors: (map(.errors) | max),
     decisions_per_second: (map(.decisions_per_second) | median), p50_ms: (map(.p50_ms) | median),
     p99_ms: (map(.p99_ms) | median), api_us: (map(.api_us) | median), redis_us: (map(.redis_us) | median),
     client_us: (map(.client_us) | median)};
    (map(select(.kind == "strict")) | summary | .decisions_per_second) as $strict
    | [group_by(.kind)[] | {kind: .[0].kind} + summary
        | . + {ratio: (.decisions_per_second / $strict * 1000 | round / 1000)}]' "$dir/rounds.jsonl")
if [ "$json" = yes ]; then
    printf '%s\n' "$summary"
else
    jq -r '.[] | (.kind), (del(.kind) | to_entries[] | "  \(.key) \(.value)")' <<<"$summary"
fi
