# shellcheck shell=bash disable=SC2034
peer_mode=-batched
# shellcheck source=bench/peers/go/start.sh
source bench/peers/go/start.sh
peer_mode=''
