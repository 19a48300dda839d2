# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# What a request costs at the least, and what it costs us; sourced by script/bench.
#
# The same presses of a sale that is sold out, so that all answer with the same bytes: a bare epoll loop understands nothing
# but where a request ends; nginx reads it as HTTP and looks at nothing; sale-api does all that it does, which is to check
# token, key and limits and to have the sale's state from Redis, or to know it.

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

# Ratios of a round, so that a slow minute strikes both.
summarize '. as $all | def over($one; $other; figure): [$all | group_by(.round)[] | select(row($one) and row($other))
        | (row($one) | figure) / (row($other) | figure)] | if length > 0 then median | rounded else null end;
    {rows: (medians | map(del(.secured))),
     figures: ({echo_over_ours: over("echo"; "ours"; .api_us), echo_over_memory: over("echo"; "ours-memory"; .api_us),
         nginx_over_ours: over("nginx-return"; "ours"; .api_us), new_over_old: over("ours"; "older"; .api_us),
         client_over_ours: ([$all[] | select(.name == "ours") | .client_us / .api_us] | median | rounded)}
         | with_entries(select(.value != null)))}'
