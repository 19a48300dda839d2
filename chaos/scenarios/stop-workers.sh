# shellcheck shell=bash disable=SC2034,SC2154
# both workers are stopped for four seconds
met=replayed
prepare() { before=$(times_logged worker working); }
strike() {
    finish worker-0
    finish worker-1
    struck
    sleep 4
    start_worker 0
    start_worker 1
}
was_met() { [ "$(times_logged worker working)" -gt "$before" ]; }
