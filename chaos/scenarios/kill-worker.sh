# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of the worker, three times; the other one takes over
met=replayed
prepare() { before=$(times_logged worker working); }
strike() {
    local index
    for index in 0 1 0; do
        destroy "worker-$index"
        struck
        sleep_between 100 800
        start_worker "$index"
    done
}
was_met() { [ "$(times_logged worker working)" -gt "$before" ]; }
