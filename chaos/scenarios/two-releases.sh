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
    sleep 2
    finish api-1
    start_api 1
}
was_met() { [ "$(cat "$older/purchase.sha")" != "$(sha1sum <lua/purchase.lua)" ]; }
