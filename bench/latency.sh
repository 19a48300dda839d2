# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# How long an answer takes below saturation; sourced by script/bench.
#
# First the saturation: a closed loop on the whole machine, client included. Then presses at a fixed rate, independent
# of the answers. Latency counts from when a press was due, so it includes the client's own delay.

: "${buyers:=500000}" "${connections:=128}"
# As long as a stampede: its units are sold in the first part of a second, in which every press is written and fsynced.
seconds=10
right=".secured == ([.buyers, $stock] | min) and .errors == 0"

start_redis redis
redis=$started
start_api api
api=$started

for round in $(seq "$rounds"); do
    create_sale "saturation-$round" "$stock"
    measure saturation "saturation-$round" "$api" "$redis" --target "http://127.0.0.1:$api_port" --buyers "$buyers" \
        --connections "$connections"
    expect "$right"
    rate=$(reported .decisions_per_second)
    for percent in 10 25 50 75 90; do
        create_sale "latency-$round-$percent" "$stock"
        press "latency-$round-$percent" --target "http://127.0.0.1:$api_port" --over "${seconds}s" \
            --buyers "$((rate * percent * seconds / 100))"
        expect "$right"
        reported --arg percent "$percent" --argjson round "$round" --argjson seconds "$seconds" '{name: "\($percent) %",
            round: $round, presses_per_second: (.buyers / $seconds), p50_ms, p99_ms, p999_ms, max_ms}' | add_row
    done
done

summarize 'medians as $rows
    | {rows: $rows, figures: {saturation_per_second: ($rows | row("saturation").decisions_per_second),
        p99_ms_at_half: ($rows | row("50 %").p99_ms), p999_ms_at_half: ($rows | row("50 %").p999_ms)}}'
