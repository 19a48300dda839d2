# shellcheck shell=bash disable=SC2034,SC2154
# salectl failover under load
met=unavailable
strike() {
    old=$(primary)
    "$bin/salectl" failover >"$dir/failover.log" 2>&1
}
was_met() { [ "$(primary)" != "$old" ]; }
