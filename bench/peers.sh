# shellcheck shell=bash disable=SC2154,SC2034
# Servers to compare with, in bench/peers, and sale-api as it is and as it was; sourced by sections of script/bench.

# install PACKAGE…: those that are missing of Debian's packages.
install() {
    local package missing=() as_root=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    step "installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" \
        >"$dir/install.log" 2>&1 || give_up "apt-get could not install ${missing[*]}" 69
}

# start_peer NAME: on a port of its own and the Redis that was started last; its id is in $started, its port in $peer_port.
start_peer() {
    peer_port=$(free_port)
    step "starting $1"
    # shellcheck source=/dev/null
    source "bench/peers/$1/start.sh"
    wait_for "$1" listens "$peer_port"
}

# One process for master and worker, so that one id has all its CPU.
start_nginx() {
    mkdir -p "$dir/$1"
    sed -e "s|@DIR@|$dir/$1|g" -e "s|@PORT@|$peer_port|g" -e "s|@REDIS@|$redis_port|g" -e "s|@ROOT@|$PWD|g" \
        -e "s|@JWKS@|$SALE_JWT_JWKS_FILE|g" "bench/peers/$1/nginx.conf.in" >"$dir/$1/nginx.conf"
    start "$1" nginx -e stderr -p "$dir/$1" -c "$dir/$1/nginx.conf"
}

declare -A id_of port_of
# What start_ours has started: ours, ours-memory and, with --against, older.
ours=()

# sale-api as the others are, with every decision made by Redis; as it runs by default, a sale that is sold out from memory;
# and, with --against, as it was. An older release that knows no memory asks Redis anyway.
start_ours() {
    if [ -n "$against" ]; then
        build_older
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

build_older() {
    local tree=$PWD/var/older
    step "building sale-api of $against"
    if [ "$(cat "$tree/revision" 2>/dev/null)" != "$against" ]; then
        rm -rf "$tree"
        mkdir -p "$tree"
        git archive "$against" | tar -x -C "$tree"
        echo "$against" >"$tree/revision"
    fi
    swift build --package-path "$tree" -c release --product sale-api >&2
    older=$(swift build --package-path "$tree" -c release --show-bin-path)
}
