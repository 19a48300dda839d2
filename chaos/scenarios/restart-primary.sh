# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of the primary, which is back before a Sentinel notices
met=unavailable
strike() {
    old=$(primary)
    destroy "redis-$old"
    struck
    start_redis "$old"
    sleep 4
}
was_met() { [ "$(primary)" = "$old" ]; }
