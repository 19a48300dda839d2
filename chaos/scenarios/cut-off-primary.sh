# shellcheck shell=bash disable=SC2034,SC2154
# the primary and an API process are cut off together, and come back after the failover
met=unavailable,pending
prepare() {
    # Hosts 0 and 1 have an API process.
    wait_for 'a failover' moves_off 2
    wait_for 'that everything is whole' is_whole
}
# A Sentinel that has not heard of a promotion may undo it (+convert-to-slave), so the request is repeated until it has
# worked.
moves_off() {
    if is_primary_other_than "$1"; then return 0; fi
    ask_sentinel 0 SENTINEL FAILOVER sale
    return 1
}
strike() {
    local old
    old=$(primary)
    cut_link "$old"
    struck
    wait_for 'a failover' is_primary_other_than "$old"
    # The API process on the same host keeps asking it.
    sleep_between 500 2000
    mend_link "$old"
}
