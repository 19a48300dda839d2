# shellcheck shell=bash disable=SC2034,SC2154
# the consumer group is destroyed, twice
met=replayed
prepare() { before=$(errors_counted NOGROUP); }
strike() {
    for _ in 1 2; do
        ask_redis "$(primary)" XGROUP DESTROY "sale:{$sale}:orders" workers >/dev/null
        struck
        sleep_between 500 1500
    done
}
was_met() { [ "$(errors_counted NOGROUP)" -gt "$before" ]; }
