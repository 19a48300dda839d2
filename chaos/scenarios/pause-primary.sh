# shellcheck shell=bash disable=SC2034,SC2154
# the primary freezes until a replica is promoted, then wakes up
met=unavailable
strike() {
    local old
    old=$(primary)
    freeze "redis-$old"
    struck
    wait_for 'a failover' is_primary_other_than "$old"
    thaw "redis-$old"
}
