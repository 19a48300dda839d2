# shellcheck shell=bash disable=SC2034,SC2154
# SCRIPT FLUSH on the primary every 50 ms
met=replayed
prepare() { before=$(errors_counted NOSCRIPT); }
strike() {
    local host
    host=$(primary)
    for _ in $(seq 60); do
        ask_redis "$host" SCRIPT FLUSH >/dev/null
        struck
        sleep 0.05
    done
}
was_met() { [ "$(errors_counted NOSCRIPT)" -gt "$before" ]; }
