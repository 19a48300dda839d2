# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of one of two replicas; then it comes back
met=replayed
strike() {
    local line=$((RANDOM % 2 + 1)) host
    host=$(replicas | sed -n "${line}p")
    destroy "redis-$host"
    struck
    sleep_between 500 2500
    left=$(ask_redis "$(primary)" INFO replication | grep -c 'state=online' || true)
    start_redis "$host"
}
was_met() { [ "$left" = 1 ]; }
