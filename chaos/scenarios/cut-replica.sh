# shellcheck shell=bash disable=SC2034,SC2154
# a host with a replica is cut off for three seconds, and with it the API process there, if it has one
met=replayed
strike() {
    local line=$((RANDOM % 2 + 1)) host
    host=$(replicas | sed -n "${line}p")
    cut_link "$host"
    struck
    sleep 3
    reachable=$(ask_redis "$(primary)" INFO replication | tr -d '\r' | grep -c 'state=online.*lag=[01]$' || true)
    mend_link "$host"
}
was_met() { [ "$reachable" = 1 ]; }
