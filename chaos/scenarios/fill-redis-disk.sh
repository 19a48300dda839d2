# shellcheck shell=bash disable=SC2034,SC2154
# the primary's disk is full: it can't write its log, exits, and is replaced; then there is space again
met=unavailable
prepare() { before=$(disks_full); }
disks_full() { cat "$dir"/redis-*.log | grep -c 'AOF write error' || true; }
strike() {
    local old
    old=$(primary)
    fill_disk "$old"
    wait_for "that the primary exits" has_ended "redis-$old"
    struck
    wait_for 'a failover' is_primary_other_than "$old"
    free_disk "$old"
    start_redis "$old"
}
was_met() { [ "$(disks_full)" -gt "$before" ]; }
