# shellcheck shell=bash disable=SC2034,SC2154
# the database's disk is full for four seconds: nothing is acknowledged meanwhile
met=replayed
prepare() {
    # A stopping worker truncates SQLite's write-ahead log, so that the next order needs space.
    finish worker-0
    finish worker-1
    start_worker 0
    start_worker 1
    before=$(times_logged worker store_failed)
}
strike() {
    fill_disk 3
    struck
    sleep 4
    free_disk 3
}
was_met() { [ "$(times_logged worker store_failed)" -gt "$before" ]; }
