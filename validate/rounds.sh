#!/usr/bin/env bash
# script/validate degradation and failover, inside the namespaces that it has made: the system of script/chaos behind
# the delivered nginx.
set -euo pipefail
# shellcheck source=script/common.sh
source script/common.sh
# shellcheck source=chaos/network.sh
source chaos/network.sh
# shellcheck source=chaos/system.sh
source chaos/system.sh

# dir, bin: folders of the data and of the programs; buyers, seconds, stock: of each act.
: "${dir:?}" "${bin:?}" "${buyers:?}" "${seconds:?}" "${stock:?}" "${bug:=}"

# An act is one round of a scenario of script/chaos.
run_act() {
    local act=$1 data=$dir/$1 what
    mkdir "$data"
    use_scenario "$act"
    what=$(sed -n '2s/^# //p' "chaos/scenarios/$act.sh")
    play_round "$act" "$data" at_the_third_second --target "http://$front_net.254:8080" --over "${seconds}s" \
        --retry-share 0.02
    python3 validate/summary.py "$data/attempts.jsonl" --buyers "$buyers" --fault "${fault[@]}" |
        jq --arg name "$act" --arg what "$what" --slurpfile check "$data/check.json" \
            --slurpfile report "$data/report.json" '
            . + {$name, $what, check: $check[0], show_seconds: true}
            | .wrong = ($ARGS.positional | map("the run proves nothing: " + .))
                + [if $report == [] then "the load client has left no report"
                    elif $report[0].malformed != 0 then "there are malformed answers"
                    else empty end]' \
            --args "${wrong[@]}" |
        jq -c -f validate/judge.jq --argjson stock "$stock" --argjson rate $((buyers / seconds)) \
            --argjson peak false >>"$dir/acts.jsonl"
    tail -n 1 "$dir/acts.jsonl" | jq -r -f validate/show.jq >&3
}

at_the_third_second() { sleep 3; }

make_network
start_system
nginx_site "$dir/nginx" sale "$front_net.254:8080" "$(front_address 0):8101" "$(front_address 1):8101"
# All buyers are one machine with one address here.
cat >"$dir/nginx/etc/site/sale-limits.conf" <<'LIMITS'
limit_req_zone $client_network zone=sale_address:1m rate=1000000r/s;
limit_req_zone $token zone=sale_token:32m rate=4r/s;
limit_conn_zone $connection zone=sale_connections:1m;
LIMITS
nginx -p "$dir/nginx" -c "$dir/nginx/etc/sale.conf" -g "$nginx_globals" >"$dir/nginx.log" 2>&1 &
wait_for 'that nginx answers' curl -sf -m 2 "http://$front_net.254:8080/v1/sales"
for act; do run_act "$act"; done
