# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# What durability costs: the same presses on three kinds of Redis; sourced by script/bench.
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

for round in $(seq "$rounds"); do
    for kind in "${kinds[@]}"; do
        SALE_REDIS_URL=${url_of[$kind]} create_sale "durability-$round" "$stock"
        measure "$kind" "durability-$round" "${api_of[$kind]}" "${redis_of[$kind]}" \
            --target "http://127.0.0.1:${api_port_of[$kind]}" --buyers "$buyers" --connections "$connections"
        expect ".secured == $((buyers < stock ? buyers : stock)) and .errors == 0"
    done
done

summarize 'medians as $rows | def rate($name): $rows | row($name).decisions_per_second;
    {rows: $rows, figures: {replica_over_strict: (rate("replica") / rate("strict") | rounded),
        relaxed_over_strict: (rate("relaxed") / rate("strict") | rounded)}}'
