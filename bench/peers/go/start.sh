# shellcheck shell=bash disable=SC2154
# One program; $go_mode is empty or -batched.
install golang-go golang-github-gomodule-redigo-dev
if [ ! -x "$dir/go-peer" ]; then
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$PWD/var/go-cache \
        go build -o "$dir/go-peer" bench/peers/go/*.go
fi
GOMAXPROCS=1 start "go${go_mode:-}" "$dir/go-peer" -listen "127.0.0.1:$peer_port" -redis "127.0.0.1:$redis_port" \
    -script lua/purchase.lua ${go_mode:+"$go_mode"}
