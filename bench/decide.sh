# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# The decision, in servers of one process each; sourced by script/bench.
#
# Each verifies the same token, checks the same key, has our own purchase.lua decide on the same Redis, and answers with
# the same status and members. In addition, sale-api limits each buyer's rate. All except ours and go-batched call the
# script once per request. The figure is CPU per decision, which doesn't depend on the number of decisions, so slow
# peers get fewer presses.

# shellcheck source=bench/peers.sh
source bench/peers.sh
: "${buyers:=300000}" "${connections:=128}"

peers=(nginx-lua go go-batched fastapi)
declare -A share_of=([nginx-lua]=4 [go]=4 [go-batched]=2 [fastapi]=60)

start_redis redis
redis=$started
start_ours
for name in "${peers[@]}"; do
    start_peer "$name"
    id_of[$name]=$started port_of[$name]=$peer_port
done

for name in "${ours[@]}" "${peers[@]}"; do create_sold_out_sale "sold-out-$name" "${port_of[ours]}"; done
for round in $(seq "$rounds"); do
    for name in "${ours[@]}" "${peers[@]}"; do
        presses=$((buyers / ${share_of[$name]:-1} + 1))
        load=(--target "http://127.0.0.1:${port_of[$name]}" --buyers "$presses" --connections "$connections")
        if [ "$name" != ours-memory ]; then # which has nothing in memory while units are left
            create_sale "winning-$round-$name" "$presses"
            measure "$name winning" "winning-$round-$name" "${id_of[$name]}" "$redis" "${load[@]}"
            expect '.secured == .buyers and .duplicates == 0'
        fi
        measure "$name sold out" "sold-out-$name" "${id_of[$name]}" "$redis" "${load[@]}"
        expect '.sold_out == .buyers'
    done
done

# A peer's CPU over ours, server and Redis together, in the same round.
summarize '. as $all | def cpu($rows; $name; figure): $rows | row($name) | if . then figure else null end;
    def over($name; $over; $shape; figure): [$all | group_by(.round)[]
        | cpu(.; "\($name) \($shape)"; figure) as $one | cpu(.; "\($over) \($shape)"; figure) as $other
        | if $one and $other then $one / $other else empty end] | if length > 0 then median | rounded else null end;
    def figures($shape; $suffix): {
        ("nginx-lua_over_ours_" + $suffix): over("nginx-lua"; "ours"; $shape; .total_us),
        ("go_over_ours_" + $suffix): over("go"; "ours"; $shape; .total_us),
        ("go-batched_over_ours_" + $suffix): over("go-batched"; "ours"; $shape; .total_us),
        ("fastapi_over_ours_" + $suffix): over("fastapi"; "ours"; $shape; .total_us),
        ("new_over_old_" + $suffix): over("ours"; "older"; $shape; .api_us)};
    {rows: medians, figures: (figures("winning"; "winning") + figures("sold out"; "sold_out")
        | with_entries(select(.value != null)))}'
