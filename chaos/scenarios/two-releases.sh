# shellcheck shell=bash disable=SC2034,SC2154
# one API process is of an older release, with another purchase.lua, until it is replaced
met=replayed
older_release=yes
prepare() {
    finish api-1
    start_api 1 "$older"
    wait_for 'that everything is up' is_whole
}
strike() {
    decided=$(curl -sf -m 2 "http://$(front_address 1):8101/metrics" |
        awk '/^sale_decisions_total{outcome="secured"}/ { print $2 }')
    # It serves on for five seconds while it stops, which is longer than there are units.
    struck
    finish api-1
    start_api 1
}
was_met() { [ "$decided" -gt 0 ] && [ "$(cat "$older/purchase.sha")" != "$(sha1sum <lua/purchase.lua)" ]; }
