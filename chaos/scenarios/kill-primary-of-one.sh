# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of a primary with a single replica: nothing is confirmed until it is back, as the replica
met=unavailable
prepare() {
    spare=$(replicas | sed -n 1p)
    destroy "redis-$spare"
}
strike() {
    old=$(primary)
    destroy "redis-$old"
    struck
    wait_for 'a failover' is_primary_other_than "$old"
    sleep 3
    alone=$(ask_redis "$(primary)" INFO replication | tr -d '\r' | grep -cx 'connected_slaves:0' || true)
    start_redis "$old"
    # Only once it sells again: the other replica could confirm as well.
    wait_for 'that it sells again' can_sell
    start_redis "$spare"
}
can_sell() { curl -sf -m 2 "http://$(front_address 0):8101/readyz"; }
was_met() { [ "$alone" = 1 ]; }
