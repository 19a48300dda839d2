# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# How large a batch should be; sourced by script/bench.
#
# One sale-api for each SALE_BATCH_MAX, alternating within a round, with more presses in flight than the largest batch
# takes. A sale has one call in flight, whatever its size: that keeps a process's decisions in order of arrival (Lane),
# so it is not a setting, and parallel calls can't make up for small ones.
#
# Small batches get a share of the presses: each waits for an fsync, or an exchange with Redis, of its own. CPU per
# decision and rate don't depend on the number of presses. If the queue is longer than half of the deadline, buyers are
# shed and come back; p50 and p99 count from their first press.

: "${buyers:=200000}" "${connections:=1024}"
sizes=(1 8 32 128 512)
declare -A share_of=(['1 winning']=50 ['8 winning']=4 ['1 sold out']=10) id_of port_of

start_redis redis
redis=$started
for size in "${sizes[@]}"; do
    SALE_BATCH_MAX=$size SALE_EDGE_CACHE=off start_api "batch-$size"
    id_of[$size]=$started port_of[$size]=$api_port
    create_sold_out_sale "sold-out-$size" "$api_port"
done

presses() { echo "$((buyers / ${share_of[$1]:-1} + 1))"; }
calls() { curl -sf "http://127.0.0.1:${port_of[$1]}/metrics" | awk '$1 == "sale_batches_total" { print $2 }'; }

# decide SIZE SHAPE SALE: measures a run, and notes how many purchases a call decided, that is, whether batches were
# full.
decide() {
    local name="$1 $2" before after
    before=$(calls "$1")
    measure "$name" "$3" "${id_of[$1]}" "$redis" --target "http://127.0.0.1:${port_of[$1]}" \
        --buyers "$(presses "$name")" --connections "$connections"
    after=$(calls "$1")
    reported --arg name "$name" --argjson round "$round" --argjson calls "$((after - before))" \
        '{name: $name, round: $round, per_call: (.buyers / $calls)}' >>"$dir/calls.jsonl"
}

for round in $(seq "$rounds"); do
    for size in "${sizes[@]}"; do
        create_sale "winning-$round-$size" "$(presses "$size winning")"
        decide "$size" winning "winning-$round-$size"
        expect '.secured == .buyers and .duplicates == 0'
        decide "$size" 'sold out' "sold-out-$size"
        expect '.sold_out == .buyers'
    done
done

# The default, 512, which is the last of a round, against 1, the first, and against the best of the smaller ones in the
# same round: CPU of server and Redis, and rate.
summarize '. as $all | ($calls | medians) as $calls
    | def each($shape; figure):
        [$all | group_by(.round)[] | map(select(.name | endswith($shape))) | figure] | median | rounded;
    def figures($shape; $suffix): {
        ("cpu_512_over_1_" + $suffix): each($shape; last.total_us / first.total_us),
        ("cpu_512_over_best_" + $suffix): each($shape; last.total_us / (.[:-1] | map(.total_us) | min)),
        ("rate_512_over_best_" + $suffix):
            each($shape; last.decisions_per_second / (.[:-1] | map(.decisions_per_second) | max))};
    {rows: (medians | map(. + (.name as $name | $calls | row($name) | {per_call}))),
     figures: (figures("winning"; "winning") + figures("sold out"; "sold_out"))}' \
    --slurpfile calls "$dir/calls.jsonl"
