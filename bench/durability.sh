# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# What durability costs: the same presses on three kinds of Redis, as in a stampede, and with every purchase winning;
# sourced by script/bench.
#
# relaxed keeps no append-only file; strict answers after the fsync; replica also has one replica, on the same machine,
# and waits for it before each answer. Redis makes every decision, memory none.

: "${buyers:=500000}" "${connections:=128}"
kinds=(relaxed strict replica)
declare -A redis_of url_of api_of api_port_of

for kind in "${kinds[@]}"; do
    settings=()
    export SALE_DURABILITY=strict SALE_REDIS_REPLICAS=0 SALE_EDGE_CACHE=off
    case $kind in
    relaxed)
        settings=(--appendonly no)
        SALE_DURABILITY=relaxed
        ;;
    replica)
        settings=(--min-replicas-to-write 1)
        SALE_REDIS_REPLICAS=1
        ;;
    esac
    start_redis "redis-$kind" "${settings[@]}"
    redis_of[$kind]=$started
    url_of[$kind]=$SALE_REDIS_URL
    if [ "$kind" = replica ]; then
        start_redis redis-replica-2 --replicaof 127.0.0.1 "$redis_port"
        export SALE_REDIS_URL=${url_of[replica]}
    fi
    start_api "api-$kind"
    api_of[$kind]=$started
    api_port_of[$kind]=$api_port
done
unset SALE_DURABILITY SALE_REDIS_REPLICAS SALE_EDGE_CACHE

# decide NAME SALE BUYERS UNITS: measures a run on $kind.
decide() {
    SALE_REDIS_URL=${url_of[$kind]} create_sale "$2" "$4"
    measure "$1" "$2" "${api_of[$kind]}" "${redis_of[$kind]}" --target "http://127.0.0.1:${api_port_of[$kind]}" \
        --buyers "$3" --connections "$connections"
    expect ".secured == $(($3 < $4 ? $3 : $4)) and .errors == 0"
}

# A win costs several times as much as a refusal, so there are fewer.
winners=$((buyers / 4 + 1))
for round in $(seq "$rounds"); do
    for kind in "${kinds[@]}"; do decide "$kind" "durability-$round" "$buyers" "$stock"; done
    for kind in "${kinds[@]}"; do decide "$kind winning" "winning-$round" "$winners" "$winners"; done
done

# A rate over that of strict in the same round.
summarize 'def over_strict($kind; $shape): [group_by(.round)[]
        | row($kind + $shape).decisions_per_second / row("strict" + $shape).decisions_per_second] | median | rounded;
    {rows: medians, figures: {
        replica_over_strict: over_strict("replica"; ""), relaxed_over_strict: over_strict("relaxed"; ""),
        replica_over_strict_winning: over_strict("replica"; " winning"),
        relaxed_over_strict_winning: over_strict("relaxed"; " winning")}}'
