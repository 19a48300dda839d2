# shellcheck shell=bash disable=SC2034,SC2154
# each flush of the primary's append-only file takes 100 ms, for four seconds
met=slow
strike() {
    local host
    host=$(primary)
    slowed=$(ask_redis "$host" DEBUG AOF-FLUSH-SLEEP 100000)
    struck
    sleep 4
    ask_redis "$host" DEBUG AOF-FLUSH-SLEEP 0 >/dev/null
}
was_met() { [ "$slowed" = OK ]; }
