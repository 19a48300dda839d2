# shellcheck shell=bash disable=SC2154,SC2034
# The peers in bench/peers, and the current and older sale-api; sourced by sections of script/bench.

# install PACKAGE…: installs those of Debian's packages that are missing.
install() {
    local package missing=() as_root=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    say "installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" \
        >"$dir/install.log" 2>&1 || give_up "apt-get could not install ${missing[*]}" 69
}

# start_peer NAME: on a port of its own and the Redis that was started last; the id is in $started, the port in
# $peer_port.
start_peer() {
    peer_port=$(free_port)
    say "starting $1"
    # shellcheck source=/dev/null
    source "bench/peers/$1/start.sh"
    wait_for "$1" listens "$peer_port"
}

# One process for master and worker, so that one id has all of the CPU.
start_nginx() {
    mkdir -p "$dir/$1"
    sed -e "s|@DIR@|$dir/$1|g" -e "s|@PORT@|$peer_port|g" -e "s|@REDIS@|$redis_port|g" -e "s|@ROOT@|$PWD|g" \
        -e "s|@JWKS@|$SALE_JWT_JWKS_FILE|g" "bench/peers/$1/nginx.conf.in" >"$dir/$1/nginx.conf"
    start "$1" nginx -e stderr -p "$dir/$1" -c "$dir/$1/nginx.conf"
}

declare -A id_of port_of
# The APIs of start_ours: ours, ours-memory and, with --against, older.
ours=()

# Starts sale-api like the peers, with every decision made by Redis; as it runs by default, answering sold-out sales
# from memory; and, with --against, an older one. A release that has no memory asks Redis anyway.
start_ours() {
    if [ -n "$against" ]; then
        say "building sale-api of $against"
        build_older "$against"
        SALE_EDGE_CACHE=off start_ours_as older "$older/sale-api"
    fi
    SALE_EDGE_CACHE=off start_ours_as ours "$bin/sale-api"
    start_ours_as ours-memory "$bin/sale-api"
}

start_ours_as() {
    start_api "$1" "$2"
    id_of[$1]=$started port_of[$1]=$api_port
    ours+=("$1")
}
