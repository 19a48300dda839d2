#!/usr/bin/env bash
# docs/installation.md, a part at a time, as root on a machine that systemd has booted and that has nothing else to do:
# script/try-installation runs it in one. Each line says what was looked at.
set -euo pipefail
cd /root/sale

api=http://127.0.0.1:8101
site=https://sale.example.com
tls=/etc/sale/nginx/tls

step() { printf '== %s\n' "$*"; }
ok() { printf '   %s\n' "$*"; }
fail() {
    printf '   FAILED: %s\n' "$*" >&2
    journalctl --boot --no-pager --lines 40 >&2
    exit 1
}

# must WHAT COMMAND…
must() {
    local what=$1
    shift
    "$@" >/root/said 2>&1 || { tail -20 /root/said >&2 && fail "$what"; }
    ok "$what"
}

# soon WHAT COMMAND…: within 20 seconds, twice the API's watchdog; or within $patience.
soon() {
    local what=$1 end=$((SECONDS + ${patience:-20}))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "$what"
        sleep 0.1
    done
    ok "$what"
}

# equal WHAT WANTED GOT
equal() {
    [ "$2" = "$3" ] || fail "$1: $3, and not $2"
    ok "$1: $3"
}

# Without a name server: the sale's name is this machine. Its certificate is trusted, and so checked.
get() {
    curl --silent --show-error --max-time 5 --cacert "$tls/sale.pem" --resolve sale.example.com:443:127.0.0.1 "$@"
}
has() { grep -qF -- "$1" <<<"$2"; }
ready() { has '"status":"ready"' "$(curl -s --max-time 2 "$1/readyz")"; }
all_ready() { ready $api && ready http://127.0.0.1:8102 && ready http://127.0.0.1:8201; }
main_pid() { systemctl show --property MainPID --value "$1"; }
operator() {
    set -a
    # shellcheck disable=SC1091  # the operator's own
    . /etc/sale/sale.env && . /etc/sale/operator.env
    set +a
}
salectl() { (operator && exec /opt/sale/current/bin/salectl "$@"); }
stampede() { (operator && exec nice /opt/sale/current/bin/stampede --json "$@" 2>/root/stampede.err); }
buy() {
    get --request POST --data '' --header "Authorization: Bearer $(salectl token --subject somebody)" \
        --header 'Idempotency-Key: once-and-for-all' "$@" $site/v1/sales/thursday/purchases
}
rolling_restart() { for number in 1 2; do systemctl restart "sale-api@$number" || return 1; done; }

# proven SALE REPORT ATTEMPTS [CHECK'S OPTIONS]: nobody was left without an answer, and every promise held.
proven() {
    local sale=$1 report=$2 attempts=$3
    shift 3
    equal 'requests that failed' 0 "$(jq .errors "$report")"
    soon 'every order is in SQLite' salectl reconcile "$sale"
    must "salectl check: every promise of it is proven" salectl check "$sale" --log "$attempts" "$@"
}

install_it() {
    step 'script/install'
    for service in redis-server redis-sentinel nginx; do
        [ ! -e "/lib/systemd/system/$service.service" ] ||
            equal "$service after script/bootstrap" disabled "$(systemctl is-enabled $service 2>/dev/null || true)"
    done
    must 'certificates can be verified' test -s /etc/ssl/certs/ca-certificates.crt
    local from=()
    [ ! -d /root/binaries ] || from=(--binaries /root/binaries)
    must 'it installs' nice script/install "${from[@]}" --release one
    must 'keys' /opt/sale/current/bin/salectl keys init /etc/sale/keys
    local user
    install -m 640 -o redis -g redis deploy/redis/primary.conf /etc/redis/redis.conf
    install -m 640 -o redis -g redis deploy/redis/users.acl /etc/redis/users.acl
    for user in api worker operator replica sentinel; do
        local password
        password=secret-$(openssl rand -hex 16)
        sed -i "s/CHANGE-ME-$user/$password/" /etc/redis/redis.conf /etc/redis/users.acl
        case $user in
        api | worker | operator) install -m 600 /dev/stdin "/etc/sale/keys/$user.password" <<<"$password" ;;
        esac
    done
    sed -i 's/^min-replicas-to-write 1$/min-replicas-to-write 0/' /etc/redis/redis.conf
    certificate sale

    step 'start'
    # What is the machine's and not the container's is refused here.
    sysctl --system >/root/said 2>&1 || true
    equal 'net.core.somaxconn' 4096 "$(sysctl --values net.core.somaxconn)"
    must 'redis-server is enabled' systemctl enable redis-server
    must 'redis-server' systemctl restart redis-server
    equal 'its time to load' infinity "$(systemctl show --property TimeoutStartUSec --value redis-server)"
    must 'worker and API' systemctl enable --now sale-worker sale-api@1.socket sale-api@1 sale-api@2.socket sale-api@2
    must 'ingress' systemctl enable --now ingress@sale
    soon 'all of them are ready' all_ready
    must 'systemctl status' systemctl --no-pager status 'sale-*' 'ingress@*'
    must 'salectl doctor' salectl doctor

    step 'what the units allow'
    local unit exposure
    for unit in sale-api@1 sale-worker ingress@sale redis-server; do
        exposure=$(exposure_of $unit)
        must "$unit: exposure $exposure" awk -v "it=$exposure" 'BEGIN { exit !(it != "" && it <= 2.0) }'
    done
    for unit in sale-api@1 sale-worker ingress@sale redis-server; do
        must "$unit is not root" test "$(stat -c %u "/proc/$(main_pid $unit)")" != 0
    done
    equal 'lines of nginx in 30 s' 200 "$(systemctl show --property LogRateLimitBurst --value ingress@sale)"
    # The tool is another, the filter is the unit's.
    must 'a port can be bound' python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 0))'
    if systemd-run --quiet --pipe --wait -p 'SystemCallFilter=~bind' -p SystemCallErrorNumber=EPERM \
        python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 0))' 2>/dev/null; then
        fail 'a filter without bind lets bind'
    fi
    ok 'where bind is filtered, no port can be bound'
    grep -q '^SystemCallFilter=~.* bind$' '/etc/systemd/system/sale-api@.service' || fail "the API's filter has no bind"
}

exposure_of() {
    systemd-analyze security --no-pager "$1.service" | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p'
}

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1.example.com" \
        -addext "subjectAltName=DNS:$1.example.com" -keyout key.pem -out chain.pem 2>/dev/null
    install -m 640 -g ingress chain.pem "$tls/$1.pem"
    install -m 640 -g ingress key.pem "$tls/$1.key"
    rm key.pem chain.pem
}

sell() {
    step 'a sale, over TLS'
    must 'salectl create' salectl create thursday --title 'The Thursday drop' --stock 10000
    equal 'a purchase' 201 "$(buy --output /root/won.json --write-out '%{http_code}')"
    equal 'the same key again' "$(cat /root/won.json)" "$(buy)"
    equal 'metrics for the public' 404 "$(get --output /dev/null --write-out '%{http_code}' $site/metrics)"
    equal 'port 80' 308 "$(curl -s -o /dev/null -w '%{http_code}' --resolve sale.example.com:80:127.0.0.1 \
        http://sale.example.com/)"

    step "the buyers' page"
    must '/ is the page' cmp <(get $site/) web/index.html
    local file
    while IFS= read -r file; do
        must "/$file" cmp <(get "$site/$file") "web/$file"
        must "/$file, compressed" cmp <(get --header 'Accept-Encoding: gzip' "$site/$file" | gunzip) "web/$file"
    done < <(find web -type f -printf '%P\n' | sort)
    get --dump-header /root/head --output /dev/null $site/
    must 'it may be embedded nowhere, and is what it says it is' bash -c '
        grep -qi "^x-content-type-options: nosniff" /root/head &&
            grep -qi "^strict-transport-security:" /root/head && grep -qi "^content-type: text/html" /root/head'
    equal 'who has it already' 304 "$(get --output /dev/null --write-out '%{http_code}' \
        --header "If-None-Match: $(sed -n 's/^etag: //Ip' /root/head | tr -d '\r')" $site/)"
    for file in nothing .env ../bin/sale-api; do
        must "no /$file" grep -qx '40[04]' <(
            get --path-as-is --output /dev/null --write-out '%{http_code}\n' "$site/$file"
        )
    done

    step 'a new certificate'
    local before
    before=$(openssl x509 -in "$tls/sale.pem" -noout -fingerprint)
    certificate sale
    must 'reload' systemctl reload ingress@sale
    soon 'it is shown, and no other' served_other_than "$before"

    step "nginx' log is rotated"
    must 'logrotate' logrotate --force /etc/logrotate.d/sale
    equal 'a purchase after it' 200 "$(buy --output /dev/null --write-out '%{http_code}')"
    soon 'it is in the new log' grep -q '"path":"/v1/sales/thursday/purchases","status":200' \
        /var/lib/ingress-sale/sale-access.log
    must 'the old one is beside it' test -s /var/lib/ingress-sale/sale-access.log.1

    step "the ingress' disk is full"
    must 'stop' systemctl stop ingress@sale
    must 'a small disk' mount -t tmpfs -o size=1m disk /var/lib/ingress-sale
    must 'start' systemctl start ingress@sale
    ! dd if=/dev/zero of=/var/lib/ingress-sale/fill bs=1k status=none 2>/dev/null || fail 'it is not full'
    equal "the sale's page" 200 "$(get --output /dev/null --write-out '%{http_code}' $site/v1/sales/thursday)"
    equal 'its ledger' 200 "$(get --output /dev/null --write-out '%{http_code}' $site/v1/sales/thursday/ledger)"
    equal 'a purchase' 200 "$(buy --output /dev/null --write-out '%{http_code}')"
    must 'stop' systemctl stop ingress@sale
    must 'the old disk' umount /var/lib/ingress-sale
    must 'start' systemctl start ingress@sale

    step 'the journal'
    # More wins within seconds than journald takes of a unit (40,000 on a large disk).
    salectl create journal --title Journal --stock 60000 >/dev/null
    stampede --target $api --sale journal --buyers 60000 >/root/report.json || fail "$(cat /root/stampede.err)"
    soon 'it has a line for every win' wins_in_journal 60000
    must 'programs say JSON, line by line' jq --exit-status .event \
        <(journalctl -u 'sale-*' -o cat --no-pager | grep '^{')
    journalctl --no-pager >/root/journal
    local secret
    for secret in "$(jq -r '.keys[0].k' /etc/sale/keys/jwks.json)" "$(sed -n 2p /etc/sale/keys/receipt.pem)" \
        "$(cat /etc/sale/keys/ops.token)" secret- eyJ once-and-for-all; do
        ! grep -qF -- "$secret" /root/journal || fail "a secret is in the journal: ${secret:0:4}…"
    done
    ok 'no key, token or password is in it'

    step 'the pool is restarted under load'
    # Without TLS, which the load client has not, on an address that is nobody else's.
    sed -i '1a listen 127.0.0.1:8080;' /etc/sale/nginx/site/sale-listen.conf
    must 'restart of the ingress' systemctl restart ingress@sale
    salectl create rolling --title Rolling --stock 10000 >/dev/null
    under_load rolling rolling_restart
    proven rolling /root/report.json /root/attempts.jsonl --met replayed

    step 'processes are killed, and stand still'
    salectl create drill --title Drill --stock 10000 >/dev/null
    under_load drill break_things
    proven drill /root/report.json /root/attempts.jsonl --met replayed
    must 'the watchdog has done it' grep -q 'sale-api@1.service: Watchdog timeout' \
        <(journalctl --boot --no-pager -u sale-api@1)

    step 'a setting is wrong'
    echo SALE_RATE_LIMIT=wrong >>/etc/sale/api.env
    if rolling_restart 2>/dev/null; then fail 'the pool restarts with it'; fi
    # So many that systemd closes the socket.
    for _ in $(seq 30); do curl --silent --output /dev/null --max-time 1 $api/livez || true; done
    must 'the other process goes on' ready http://127.0.0.1:8102
    sed -i /SALE_RATE_LIMIT/d /etc/sale/api.env
    must 'restart of the pool' rolling_restart
    soon 'all of them are ready' all_ready

    step 'the worker is stopped'
    must 'stop' systemctl stop sale-worker
    equal 'its end' success "$(systemctl show --property Result --value sale-worker)"
    salectl create stopped --title Stopped --stock 100 >/dev/null
    stampede --target $api --sale stopped --buyers 200 >/root/report.json || fail "$(cat /root/stampede.err)"
    equal 'sold meanwhile' 100 "$(jq .secured /root/report.json)"
    must 'start' systemctl start sale-worker
    soon 'what was sold meanwhile is stored' salectl reconcile stopped

    step 'a backup, and back'
    must 'backup' salectl backup /root/nightly.db
    must 'stop' systemctl stop sale-worker
    must 'restore' salectl restore /root/nightly.db --force
    chown -h sale-worker: /var/lib/sale/sale.db*
    must 'start' systemctl start sale-worker
    soon 'both stores have all of it' salectl reconcile stopped

    step 'the shop beside it'
    certificate shop
    if systemctl start ingress@shop 2>/dev/null; then fail 'it starts where the sale has the port of every address'; fi
    ok 'where the sale has its port on every address, it does not start, and systemctl says so'
    must 'the ingress is told its own address' sed -i -e '/\[::\]/d' -e 's/^listen 443/listen 127.0.0.1:443/' \
        /etc/sale/nginx/site/sale-listen.conf
    must 'restart' systemctl restart ingress@sale
    must 'enable' systemctl enable --now ingress@shop
    must 'the stand-in' systemd-run --quiet --unit stand-in -p DynamicUser=yes /opt/sale/current/shop/stand-in.py 8301
    soon 'its search answers' curl --fail -sk --resolve shop.example.com:443:127.0.0.2 \
        'https://shop.example.com/search?q=lamp'
    equal 'its slice' shop.slice "$(systemctl show --property Slice --value ingress@shop)"
}

served_other_than() {
    local now
    now=$(openssl s_client -connect 127.0.0.1:443 -servername sale.example.com </dev/null 2>/dev/null |
        openssl x509 -noout -fingerprint)
    [ -n "$now" ] && [ "$now" != "$1" ]
}

wins_in_journal() { [ "$(journalctl -u sale-api@1 -o cat --no-pager | grep -c '"order":"journal-')" = "$1" ]; }

# under_load SALE COMMAND: the command while 20,000 press within 20 seconds, through the ingress.
under_load() {
    stampede --target http://127.0.0.1:8080 --sale "$1" --buyers 20000 --over 20s --sources 100 --retry-share 0.02 \
        --log /root/attempts.jsonl >/root/report.json &
    local load=$!
    sleep 4
    "$2"
    wait "$load" || fail "the load client: $(tail -3 /root/stampede.err)"
}

break_things() {
    local unit pid
    for unit in sale-api@1 sale-worker; do
        pid=$(main_pid $unit)
        must "$unit is killed" kill -KILL "$pid"
        soon 'it is back' is_another "$unit" "$pid"
    done
    pid=$(main_pid sale-api@1)
    must 'sale-api@1 is made to stand still' kill -STOP "$pid"
    soon 'it is back' is_another sale-api@1 "$pid"
}

is_another() { systemctl --quiet is-active "$1" && [ "$(main_pid "$1")" != "$2" ] && [ "$(main_pid "$1")" != 0 ]; }

same_answer() { [ "$(buy)" = "$(cat /root/won.json)" ]; }

runs_release() {
    must "$1 runs release $2" \
        test "$(readlink "/proc/$(main_pid "$1")/exe")" = "/opt/sale/releases/$2/bin/${1%@*}"
}

prometheus() {
    step 'Prometheus'
    set_arguments prometheus --config.file=/etc/sale/prometheus/prometheus.yml --web.listen-address=127.0.0.1:9090
    set_arguments prometheus-alertmanager --config.file=/etc/sale/prometheus/alertmanager.yml \
        --web.listen-address=127.0.0.1:9093 --cluster.listen-address=
    must 'enable' systemctl enable prometheus prometheus-alertmanager
    must 'restart' systemctl restart prometheus prometheus-alertmanager
    soon 'it sees both API processes and the worker' gives 3 'count(up{job=~"sale-.*"} == 1)'
    soon 'it counts what was sold' gives 60000 'sale_units_sold{sale="journal"}'
    soon 'its rules are at work' gives 1 'count(sale:decided:rate)'
    equal 'alerts' SaleWatchdog "$(alerts_firing)"
    # What is sent before Prometheus has found Alertmanager is lost, and sent again after a minute.
    patience=90 soon 'Alertmanager receives it' is_sent SaleWatchdog
    must 'an API process and its socket are stopped' systemctl stop sale-api@2.socket sale-api@2
    patience=60 soon 'SaleAPIDown' alert_fires SaleAPIDown
    soon 'Alertmanager receives that' is_sent SaleAPIDown
    must 'they are started again' systemctl start sale-api@2.socket sale-api@2
    soon 'nothing is wrong any more' gives 3 'count(up{job=~"sale-.*"} == 1)'
}

# set_arguments SERVICE ARGUMENT…: those with which Debian's unit starts it.
set_arguments() { sed -i "s|^ARGS=.*|ARGS=\"${*:2}\"|" "/etc/default/$1"; }
ask_prometheus() { curl --silent --max-time 5 --get "http://127.0.0.1:9090/api/v1/$1" "${@:2}"; }
# gives VALUE EXPRESSION
gives() { [ "$(ask_prometheus query --data-urlencode "query=$2" | jq -r '.data.result[0].value[1]')" = "$1" ]; }
alerts_firing() { ask_prometheus alerts | jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname'; }
alert_fires() { alerts_firing | grep -xF "$1"; }

is_sent() {
    curl --silent --max-time 5 127.0.0.1:9093/api/v2/alerts |
        jq -e --arg name "$1" 'any(.[]; .labels.alertname == $name)'
}

tunnel() {
    step 'Redis behind stunnel'
    deploy/stunnel/certify /root/authority server redis.internal
    deploy/stunnel/certify /root/authority client this-machine
    install -m 600 /root/authority/ca.pem /etc/sale/stunnel/tls/ca.pem
    install -m 600 /root/authority/redis.internal.pem /etc/sale/stunnel/tls/server.pem
    install -m 600 /root/authority/this-machine.pem /etc/sale/stunnel/tls/client.pem
    # Both ends are on this machine.
    sed -i 's/^connect = redis.internal:/connect = 127.0.0.1:/' /etc/sale/stunnel/client.conf
    must 'tunnel@server and tunnel@client' systemctl enable --now tunnel@server tunnel@client
    sed -i 's/127.0.0.1:6379/127.0.0.1:6380/' /etc/sale/api.env /etc/sale/worker.env /etc/sale/operator.env
    must 'restart of the pool' rolling_restart
    must 'restart of the worker' systemctl restart sale-worker
    soon 'all of them are ready' all_ready
    must 'salectl doctor' salectl doctor
    equal 'the same key has the same answer' "$(cat /root/won.json)" "$(buy)"
    salectl create tunnel --title Tunnel --stock 10000 >/dev/null
    under_load tunnel break_tunnel
    proven tunnel /root/report.json /root/attempts.jsonl --met replayed
    local warnings=(journalctl --boot --no-pager -o cat -p warning -u 'sale-*')
    must 'journalctl -p warning has what the programs warn of' grep -q '"event":"redis_down"' <("${warnings[@]}")
    equal 'and nothing else of them' '' "$("${warnings[@]}" | grep '"level":"info"' || true)"
    equal 'what a client without a certificate hears' '' "$(printf 'PING\r\n' |
        timeout 3 openssl s_client -quiet -connect 127.0.0.1:6381 2>/dev/null || true)"
    local unit exposure
    for unit in tunnel@server tunnel@client; do
        must "$unit is not root" test "$(stat -c %u "/proc/$(main_pid $unit)")" != 0
        exposure=$(exposure_of $unit)
        must "$unit: exposure $exposure" awk -v "it=$exposure" 'BEGIN { exit !(it != "" && it <= 2.0) }'
    done
}

break_tunnel() {
    local unit pid
    for unit in tunnel@server tunnel@client; do
        pid=$(main_pid $unit)
        must "$unit is killed" kill -KILL "$pid"
        soon 'it is back' is_another $unit "$pid"
        soon 'all of them are ready' all_ready
    done
}

upgrade() {
    step 'another release, under load'
    salectl create upgrade --title Upgrade --stock 10000 >/dev/null
    under_load upgrade take_release_two
    proven upgrade /root/report.json /root/attempts.jsonl
    step 'and back'
    must '--use' script/install --use one
    must 'restart' rolling_restart
    runs_release sale-api@1 one
}

take_release_two() {
    must 'it installs beside the first' script/install --binaries /opt/sale/releases/one/bin --release two
    runs_release sale-api@1 one
    must 'restart of the worker' systemctl restart sale-worker
    must 'restart of the pool' rolling_restart
    runs_release sale-api@1 two
    runs_release sale-worker two
}

again() {
    step 'what was enabled is there'
    soon 'all of them are ready' all_ready
    soon 'the ingress' get --output /dev/null $site/v1/sales
    soon 'the same key has the answer from before' same_answer
    if journalctl --boot --unit sale-worker --output cat | grep redis_completed; then
        fail 'Redis has forgotten something'
    fi
    ok 'Redis had all of it in its append-only file'
    soon 'Prometheus sees all of them' gives 3 'count(up{job=~"sale-.*"} == 1)'
    for sale in journal rolling drill tunnel; do must "both stores have all of $sale" salectl reconcile "$sale"; done
}

uninstall() {
    step 'script/install --uninstall'
    must 'it removes' script/install --uninstall
    must 'no program of it runs' bash -c '
        ! pgrep -f ^/opt/sale/ && ! systemctl --quiet is-active ingress@sale sale-worker sale-api@1 tunnel@client'
    must 'no unit of it is left' bash -c '! find /etc/systemd/system | grep -E "/(sale|ingress|shop|tunnel)[^/]*$"'
    must 'settings, keys and data are' test -e /etc/sale/keys/jwks.json -a -e /var/lib/sale/sale.db \
        -a -e /etc/sale/sale.env
}

case ${1:-} in
install) install_it ;;
sell | prometheus | tunnel | upgrade | again | uninstall) "$1" ;;
*) echo 'usage: walk.sh install|sell|prometheus|tunnel|upgrade|again|uninstall' >&2 && exit 64 ;;
esac
