# shellcheck shell=bash disable=SC2034,SC2154
# kill -9 of the primary and both replicas; they are started again after four seconds
met=unavailable
strike() {
    local host
    for host in 0 1 2; do destroy "redis-$host"; done
    struck
    sleep 4
    for host in 0 1 2; do start_redis "$host"; done
}
