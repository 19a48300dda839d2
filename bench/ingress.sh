# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# What the delivered nginx (deploy/nginx) costs in front of sale-api; sourced by script/bench.
#
# The delivered configuration with its limits, caches and log listens with and without TLS in front of one sale-api that
# answers "sold out" from memory. The load comes from 500 addresses and each press has its own token, so the limits are
# checked and never reached. CPU is that of master and workers. The cost of a handshake is that of a press on a new
# connection minus that of one on a kept connection: accepting and closing are included.
#
# No session is resumed: every handshake is a full one with P-256, as for a new buyer. h2 is HTTP/2 on TLS, which
# browsers choose, with one request at a time on a connection. A look is a request for the sale's page, which nginx
# answers from its cache; once a second, it asks sale-api.

: "${buyers:=200000}" "${connections:=128}"
handshakes=$((buyers / 10 + 1)) idle=10000

cc -O2 -Wall -Wextra -Wconversion -Werror -o "$dir/ingress-client" bench/ingress-client.c -lssl -lcrypto
start_redis redis
start_api api
api=$started
create_sold_out_sale ingress "$api_port"
token=$("$bin/salectl" token --subject somebody)
# The bytes of the first key; base64url has no padding.
jq -r '.keys[0].k + "="' "$SALE_JWT_JWKS_FILE" | basenc --base64url --decode >"$dir/key"

plain_port=$(free_port) tls_port=$(free_port)
nginx_site "$dir/nginx" sale "127.0.0.1:$plain_port" "127.0.0.1:$api_port"
mkdir "$dir/nginx/etc/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sale.example.com \
    -keyout "$dir/nginx/etc/tls/sale.key" -out "$dir/nginx/etc/tls/sale.pem" 2>"$dir/openssl.log"
sed "s/443/127.0.0.1:$tls_port/; /\[::\]/d" deploy/nginx/site/sale-listen.conf >>"$dir/nginx/etc/site/sale-listen.conf"

# The ids of the master and its workers are in $nginx. Its other children come and go: they manage the caches.
start_ingress() {
    start "nginx-$round" nginx -p "$dir/nginx" -c "$dir/nginx/etc/sale.conf" -g "$nginx_globals"
    wait_for nginx has_workers
    mapfile -t nginx < <(echo "$started" && workers)
}
workers() { pgrep -P "$started" -f 'nginx: worker process'; }
has_workers() { [ "$(workers | wc -l)" = "$(getconf _NPROCESSORS_ONLN)" ]; }

# Proportional set size of all of them, in KiB.
proportional_kib() {
    local id
    for id in "${nginx[@]}"; do cat "/proc/$id/smaps_rollup"; done | awk '$1 == "Pss:" { sum += $2 } END { print sum }'
}

# client plain|tls|h2 keep|new|idle|look REQUESTS: puts the load client's command in $client; it prints a report.
client() {
    local port=$tls_port
    if [ "$1" = plain ]; then port=$plain_port; fi
    client=("$dir/ingress-client" "$1" "$2" "$port" "$3" "$connections" ingress "$round-$1-$2" "${token%%.*}"
        "$dir/key")
}

# load plain|tls|h2 keep|new|look REQUESTS: runs the load client to its end; the report is in report.json.
load() {
    client "$@"
    "${client[@]}" >"$dir/report.json" 2>>"$dir/client.log" 9>&- || give_up 'the load client has failed'
    expect '.expected == .requests and .resumed == 0'
}

# send_through NAME plain|tls|h2 keep|new|look REQUESTS: runs a load, and adds its row.
send_through() {
    local name=$1 before after
    before=("$(ticks "${nginx[@]}")" "$(ticks "$api")")
    load "$2" "$3" "$4"
    after=("$(ticks "${nginx[@]}")" "$(ticks "$api")")
    reported --arg name "$name" --argjson round "$round" --argjson nginx "$((after[0] - before[0]))" \
        --argjson api "$((after[1] - before[1]))" '{name: $name, round: $round, requests, connections, handshakes,
            nginx_us: ($nginx * 10000 / .requests), api_us: ($api * 10000 / .requests), requests_per_second}' |
        add_row
}

# hold_idle NAME tls|h2: opens connections that press once and stay; adds a row with the memory that each adds to nginx.
hold_idle() {
    local before after report
    # One-time allocations come first.
    load "$2" new "$connections"
    before=$(proportional_kib)
    client "$2" idle "$idle"
    report=$dir/idle-$round-$2.log
    start "idle-$round-$2" "${client[@]}"
    until [ -s "$report" ]; do
        kill -0 "$started" 2>/dev/null || give_up 'the load client has failed'
        sleep 0.05
    done
    cp "$report" "$dir/report.json"
    expect '.expected == .requests and .connections == .requests and .resumed == 0'
    after=$(proportional_kib)
    stop "$started"
    jq -nc --arg name "$1" --argjson round "$round" --argjson idle "$idle" --argjson kib "$((after - before))" \
        '{name: $name, round: $round, connections: $idle, bytes: ($kib * 1024 / $idle)}' | add_row
}

for round in $(seq "$rounds"); do
    # Each on new workers: memory that was freed is used again, and would not show.
    for protocol in tls h2; do
        start_ingress
        hold_idle "idle, $protocol" "$protocol"
        stop "${nginx[0]}"
    done
    start_ingress
    send_through 'plain, kept' plain keep "$buyers"
    send_through 'tls, kept' tls keep "$buyers"
    send_through 'h2, kept' h2 keep "$buyers"
    send_through 'h2, look' h2 look "$buyers"
    send_through 'tls, new' tls new "$handshakes"
    stop "${nginx[0]}"
done

summarize 'def each(figure): [group_by(.round)[] | figure] | median | rounded;
    {rows: medians, figures: {
        plain_us: each(row("plain, kept").nginx_us), tls_us: each(row("tls, kept").nginx_us),
        handshake_us: each(row("tls, new").nginx_us - row("tls, kept").nginx_us),
        h2_us: each(row("h2, kept").nginx_us), look_us: each(row("h2, look").nginx_us),
        idle_bytes: each(row("idle, tls").bytes), idle_h2_bytes: each(row("idle, h2").bytes),
        tls_over_plain: each(row("tls, kept").nginx_us / row("plain, kept").nginx_us),
        plain_over_api: each(row("plain, kept") | .nginx_us / .api_us)}}'
