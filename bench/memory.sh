# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# Memory of one API process; sourced by script/bench.
#
# Tables of fixed size are touched at the start, so later growth is real growth. Requests come from at most a million
# buyers, who return in each stampede; the sale is open in the first and sold out in the others.

: "${connections:=128}"
early=100000 most=1000000 round=1 rounds=1

start_redis redis
start_api api
api=$started
note() {
    jq -nc --arg name "$1" --argjson kib "$(memory_kib "$api")" '{name: $name, round: 1, rss_mib: ($kib / 1024)}' |
        add_row
}
note start

# A few presses while all connections are open; the other connections are idle.
create_sale idle 10
press idle --target "http://127.0.0.1:$api_port" --connections 10000 --buyers 50 --over 5s &
load=$!
connections() { curl -s "http://127.0.0.1:$api_port/metrics" | awk '$1 == "sale_http_connections" { print $2 }'; }
held() { [ "$(connections)" -ge 10000 ]; }
wait_for '10,000 connections' held
note '10000 idle connections'
wait "$load"
expect '.secured == 10 and .errors == 0'

# Everything is sold to the buyers of the first stampede, and each of them hears so again in every other.
units=$((stock < early ? stock : early))
create_sale memory "$units"
sent=0
# send COUNT: presses until that many have been sent in total, or a few more: in a stampede there are at least as many
# buyers as in the first.
send() {
    local count
    while [ "$sent" -lt "$1" ]; do
        count=$(($1 - sent < most ? $1 - sent : most))
        count=$((count > early ? count : early))
        press memory --target "http://127.0.0.1:$api_port" --connections "$connections" --buyers "$count"
        expect ".secured == $units and .errors == 0"
        sent=$((sent + count))
        say "$sent requests, $(memory_kib "$api") KiB"
    done
}
send "$early"
note "after $sent requests"
send "$requests"
note "after $sent requests"

summarize '{rows: map({name, rss_mib: (.rss_mib | rounded)}),
    figures: {idle_mib: (.[1].rss_mib | rounded), growth: (.[3].rss_mib / .[2].rss_mib | rounded)}}'
