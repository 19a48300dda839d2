# shellcheck shell=bash disable=SC2034,SC2154
# every wall clock jumps, each to its own time: Redis by up to an hour, the rest by seconds
met=replayed
strike() {
    local name host
    for _ in 1 2; do
        for host in 0 1 2; do set_clock "redis-$host" $((RANDOM % 7200 - 3600)); done
        for name in sentinel-{0,1,2} api-{0,1} worker-{0,1}; do set_clock "$name" $((RANDOM % 7 - 3)); done
        struck
        sleep_between 700 1500
        ahead=$(($(ask_redis "$(primary)" TIME | sed -n 1p) - $(date +%s)))
    done
    for name in redis-{0,1,2} sentinel-{0,1,2} api-{0,1} worker-{0,1}; do set_clock "$name" 0; done
}
was_met() { [ "${ahead#-}" -gt 1 ]; }
