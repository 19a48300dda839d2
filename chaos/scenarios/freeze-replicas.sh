# shellcheck shell=bash disable=SC2034,SC2154
# both replicas stand still for a while, so that nothing can be confirmed
met=pending,unavailable
strike() {
    local host behind
    behind=$(replicas)
    for host in $behind; do freeze "redis-$host"; done
    sleep_between 1000 1800
    for host in $behind; do thaw "redis-$host"; done
}
