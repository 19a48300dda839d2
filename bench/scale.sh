# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# What a decision costs with 1, 2 and 4 API processes under the same load; sourced by script/bench.
#
# Each process makes its own batches, so with four they are a quarter as large: Redis gets more calls, and each call
# decides fewer purchases. 2048 connections are a full batch (SALE_BATCH_MAX) for each of the four.

: "${buyers:=500000}" "${connections:=2048}"

start_redis redis
redis=$started
apis=() api_ports=()
for index in 1 2 3 4; do
    start_api "api-$index"
    apis+=("$started") api_ports+=("$api_port")
done

for round in $(seq "$rounds"); do
    for count in 1 2 4; do
        create_sale "scale-$round-$count" "$stock"
        targets=()
        for port in "${api_ports[@]:0:count}"; do targets+=(--target "http://127.0.0.1:$port"); done
        measure "$count" "scale-$round-$count" "${apis[*]:0:count}" "$redis" "${targets[@]}" --buyers "$buyers" \
            --connections "$connections"
        expect ".secured == $((buyers < stock ? buyers : stock)) and .errors == 0"
    done
done

summarize 'def ratio(figure): [group_by(.round)[] | (row("4") | figure) / (row("1") | figure)] | median | rounded;
    {rows: medians, figures: {four_over_one: ratio(.total_us), four_over_one_api: ratio(.api_us),
        four_over_one_redis: ratio(.redis_us)}}'
