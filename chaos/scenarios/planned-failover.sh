# shellcheck shell=bash disable=SC2034,SC2154
# SENTINEL FAILOVER under load
met=unavailable
strike() {
    local old
    old=$(primary)
    ask_sentinel 0 SENTINEL FAILOVER sale >/dev/null
    wait_for 'a failover' is_primary_other_than "$old"
}
