# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# The least that a request can cost, and what ours costs; sourced by script/bench.
#
# The same presses in a sold-out sale, so that every server answers with the same bytes. A bare epoll loop only finds
# the end of a request; nginx parses it as HTTP and ignores it; sale-api does all of its work: it checks token, key and
# limits, and asks Redis or its memory for the sale's state.

# shellcheck source=bench/peers.sh
source bench/peers.sh
: "${buyers:=500000}" "${connections:=128}"

start_redis redis
redis=$started
start_peer echo
id_of[echo]=$started port_of[echo]=$peer_port
start_peer nginx-return
id_of[nginx-return]=$started port_of[nginx-return]=$peer_port
start_ours
for name in "${ours[@]}"; do create_sold_out_sale "edge-$name" "${port_of[$name]}"; done

for round in $(seq "$rounds"); do
    for name in echo nginx-return "${ours[@]}"; do
        measure "$name" "edge-$name" "${id_of[$name]}" "$redis" --target "http://127.0.0.1:${port_of[$name]}" \
            --buyers "$buyers" --connections "$connections"
        expect '.sold_out == .buyers'
    done
done

# Ratios within a round, so that a slow minute affects both sides.
summarize '. as $all | def over($one; $other; figure): [$all | group_by(.round)[] | select(row($one) and row($other))
        | (row($one) | figure) / (row($other) | figure)] | if length > 0 then median | rounded else null end;
    {rows: (medians | map(del(.secured))),
     figures: ({echo_over_ours: over("echo"; "ours"; .api_us), echo_over_memory: over("echo"; "ours-memory"; .api_us),
         nginx_over_ours: over("nginx-return"; "ours"; .api_us), new_over_old: over("ours"; "older"; .api_us),
         client_over_ours: ([$all[] | select(.name == "ours") | .client_us / .api_us] | median | rounded)}
         | with_entries(select(.value != null)))}'
