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

# dir, bin: folders of the data and of the programs; buyers, over, stock: of each act.
: "${dir:?}" "${bin:?}" "${buyers:?}" "${over:?}" "${stock:?}" "${bug:=}"

# Acts: what breaks, and for how long. Each breaks and heals.
declare -A what=(
    [redis-slow]='each fsync of Redis takes 100 ms, for four seconds'
    [redis-gone]='all three servers of Redis are killed, and started again after four seconds'
    [redis-disk-full]="the primary's disk is full; the Sentinels promote another"
    [worker-gone]='both workers are stopped for four seconds'
    [database-disk-full]="the database's disk is full for four seconds"
    [primary-killed]='the primary is killed at the peak and stays dead until the Sentinels have promoted another'
)

redis_slow() {
    local host
    host=$(primary)
    ask_redis "$host" DEBUG AOF-FLUSH-SLEEP 100000 >/dev/null
    sleep 4
    ask_redis "$host" DEBUG AOF-FLUSH-SLEEP 0 >/dev/null
}
redis_gone() {
    local host
    for host in 0 1 2; do destroy "redis-$host"; done
    sleep 4
    for host in 0 1 2; do start_redis "$host"; done
}
redis_disk_full() {
    local old
    old=$(primary)
    fill_disk "$old"
    wait_for 'a failover' is_primary_other_than "$old"
    wait "${id_of[redis-$old]}" 2>/dev/null || true
    free_disk "$old"
    start_redis "$old"
}
worker_gone() {
    finish worker-0
    finish worker-1
    sleep 4
    start_worker 0
    start_worker 1
}
database_disk_full() {
    fill_disk 3
    sleep 4
    free_disk 3
}
primary_killed() {
    local old
    old=$(primary)
    destroy "redis-$old"
    wait_for 'a failover' is_primary_other_than "$old"
    start_redis "$old"
}

now_ns() { python3 -c 'import time; print(time.monotonic_ns())'; }

run_act() {
    local act=$1 sale=$1 log=$dir/attempts-$1.jsonl client from to
    "$bin/salectl" create "$sale" --title "$act" --stock "$stock" >/dev/null
    "$bin/stampede" --target "http://$front_net.254:8080" --sale "$sale" --buyers "$buyers" --over "$over" \
        --retry-share 0.02 --log "$log" --json >"$dir/report-$act.json" 2>"$dir/stampede-$act.log" &
    client=$!
    sleep 3
    from=$(now_ns)
    "${act//-/_}"
    to=$(now_ns)
    wait "$client" || true
    wait_for 'that everything is whole again' is_whole
    (wait_for "that the worker has stored all of $sale" is_drained "$sale") || true
    "$bin/salectl" check "$sale" --log "$log" --met replayed --json >"$dir/check-$act.json" || true
    python3 validate/summary.py "$log" --fault "$from" "$to" |
        jq --arg name "$act" --arg what "${what[$act]}" --slurpfile check "$dir/check-$act.json" '
            . + {$name, $what, check: $check[0], show_seconds: true}
            | .wrong = [if ([.seconds[] | select(.fault) | .won] | add) == 0
                then "nobody was winning when it broke: the run proves nothing" else empty end]' |
        jq -c -f validate/judge.jq --argjson stock "$stock" --argjson rate $((buyers / ${over%s})) \
            --argjson peak false >>"$dir/acts.jsonl"
    tail -n 1 "$dir/acts.jsonl" | jq -r -f validate/show.jq >&3
}

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
wait_for nginx curl -sf -m 2 "http://$front_net.254:8080/v1/sales"
for act; do run_act "$act"; done
