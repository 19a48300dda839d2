# shellcheck shell=bash disable=SC2034,SC2154
# FLUSHALL in the middle of the sale, while it is paused and everything is stored
met=unavailable
strike() {
    "$bin/salectl" pause "$sale" >/dev/null
    wait_for 'that the worker has stored all' is_drained "$sale"
    ask_redis "$(primary)" FLUSHALL >/dev/null
    struck
    wait_for 'that Redis is completed' is_drained "$sale"
    "$bin/salectl" resume "$sale" >/dev/null
}
was_met() { [ "$(ask_redis "$(primary)" HGET "sale:{$sale}" epoch)" -gt 1 ]; }
