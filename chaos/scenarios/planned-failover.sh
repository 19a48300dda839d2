# shellcheck shell=bash disable=SC2034,SC2154
# salectl failover under load
met=unavailable
strike() {
    local failover
    old=$(primary)
    "$bin/salectl" failover >"$dir/failover.log" 2>&1 &
    failover=$!
    wait_for 'a failover' is_primary_other_than "$old"
    struck
    wait "$failover"
}
was_met() { [ "$(primary)" != "$old" ]; }
