# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of one of two replicas; then it comes back
met=replayed
strike() {
    local host
    host=$(replicas | shuf -n 1 --random-source=<(yes "$RANDOM"))
    destroy "redis-$host"
    sleep_between 500 2500
    left=$(ask_redis "$(primary)" INFO replication | grep -c 'state=online')
    start_redis "$host"
}
was_met() { [ "$left" = 1 ]; }
