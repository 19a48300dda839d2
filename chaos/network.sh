# shellcheck shell=bash disable=SC2154
# Four hosts on one machine, in network and mount namespaces that nobody else sees; sourced by run.sh and
# validate/rounds.sh.
#
# Each host has two links: back, for Redis and the Sentinels, and front, for buyers. The addresses are those reserved
# for documentation (RFC 5737). Each host has its own disk, in memory, which can be filled.

hosts=(0 1 2 3)
back_net=198.51.100 front_net=203.0.113

make_network() {
    local host side net
    mount -t tmpfs none /run # ip keeps the names of namespaces there
    ip link set lo up
    for side in back front; do
        net=${side}_net
        ip link add "$side" type bridge
        ip link set "$side" up
        ip addr add "${!net}.254/24" dev "$side"
    done
    for host in "${hosts[@]}"; do
        ip netns add "host-$host"
        ip -n "host-$host" link set lo up
        for side in back front; do
            net=${side}_net
            ip link add "$side-$host" type veth peer name "$side" netns "host-$host"
            ip link set "$side-$host" master "$side" up
            ip -n "host-$host" link set "$side" up
            ip -n "host-$host" addr add "${!net}.$((host + 1))/24" dev "$side"
        done
        mkdir -p "$(disk "$host")"
        mount -t tmpfs -o size=256m none "$(disk "$host")"
    done
}

back_address() { echo "$back_net.$(($1 + 1))"; }
front_address() { echo "$front_net.$(($1 + 1))"; }

# Runs a command on a host.
on() {
    local host=$1
    shift
    nsenter --net="/run/netns/host-$host" "$@"
}

# Cuts a host's back link: packets are lost, as if its cable were pulled at the switch.
cut_link() { ip link set "back-$1" nomaster; }
mend_link() { ip link set "back-$1" master back; }

# Drops what host $1 sends to host $2, but not what it receives.
lose_answers() { ip -n "host-$1" route add blackhole "$(back_address "$2")/32"; }
pass_answers() { ip -n "host-$1" route del blackhole "$(back_address "$2")/32"; }

disk() { echo "$dir/disk-$1"; }
# Leaves only 64 KiB on a host's disk. The disk is being written to meanwhile, and can't be made smaller than its
# contents.
fill_disk() {
    local used
    for _ in $(seq 100); do
        used=$(df -k --output=used "$(disk "$1")" | tail -n 1)
        if mount -o "remount,size=$((used + 64))k" "$(disk "$1")" 2>/dev/null; then return 0; fi
    done
    fail 1 "the disk of host $1 could not be filled"
}
free_disk() { mount -o remount,size=256m "$(disk "$1")"; }
