# shellcheck shell=bash disable=SC2034,SC2154
# both replicas freeze for a while, so that nothing can be confirmed
met=pending,unavailable
strike() {
    local host frozen
    frozen=$(replicas)
    for host in $frozen; do freeze "redis-$host"; done
    struck
    sleep_between 1000 1800
    for host in $frozen; do thaw "redis-$host"; done
}
