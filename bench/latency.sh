# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# How long an answer takes at a part of what can be done; sourced by script/bench.
#
# First the saturation: a closed loop on all of the machine, client included. Then presses that come at a fixed rate whatever
# the answers do, and whose latency counts from the moment they were due: what the client itself is late by is in it.

: "${buyers:=500000}" "${connections:=128}"
# As long as a stampede is: its units are gone in the first part of a second, in which every press is written and fsynced.
seconds=10

start_redis redis
redis=$started
start_api api
api=$started

for round in $(seq "$rounds"); do
    create_sale "saturation-$round" "$stock"
    measure saturation "saturation-$round" "$api" "$redis" --target "http://127.0.0.1:$api_port" --buyers "$buyers" \
        --connections "$connections"
    expect '.errors == 0'
    rate=$(reported .decisions_per_second)
    for percent in 10 25 50 75 90; do
        create_sale "latency-$round-$percent" "$stock"
        press "latency-$round-$percent" --target "http://127.0.0.1:$api_port" --over "${seconds}s" \
            --buyers "$((rate * percent * seconds / 100))"
        expect '.errors == 0'
        jq -c --arg percent "$percent" --argjson round "$round" --argjson seconds "$seconds" '{name: "\($percent) %",
            round: $round, presses_per_second: (.buyers / $seconds), p50_ms, p99_ms, p999_ms, max_ms}' \
            "$dir/report.json" | add_row
    done
done

summarize 'medians as $rows
    | {rows: $rows, figures: {saturation_per_second: ($rows | row("saturation").decisions_per_second),
        p99_ms_at_half: ($rows | row("50 %").p99_ms), p999_ms_at_half: ($rows | row("50 %").p999_ms)}}'
