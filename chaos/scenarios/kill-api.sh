# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of an API process in the middle of a batch; it is restarted
met=lost
strike() {
    local host=$((RANDOM % 2)) first
    first=$(primary)
    # While the primary is frozen for a moment, presses are in flight that this process can't answer.
    freeze "redis-$first"
    sleep 0.1
    destroy "api-$host"
    thaw "redis-$first"
    struck
    sleep_between 100 1000
    start_api "$host"
}
