# shellcheck shell=bash disable=SC2154
cc -O2 -Wall -Wextra -Wconversion -Werror -o "$dir/echo" bench/peers/echo/echo.c
start echo "$dir/echo" "$peer_port"
