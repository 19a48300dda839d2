# shellcheck shell=bash disable=SC2034
go_mode=-batched
# shellcheck source=bench/peers/go/start.sh
source bench/peers/go/start.sh
go_mode=''
