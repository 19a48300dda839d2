# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of the primary, left dead until a replica is promoted; then it comes back
met=unavailable
strike() {
    local old
    old=$(primary)
    destroy "redis-$old"
    struck
    wait_for 'a failover' is_primary_other_than "$old"
    start_redis "$old"
}
