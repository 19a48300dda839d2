# shellcheck shell=bash
install libnginx-mod-http-lua lua-nginx-redis lua-cjson
start_nginx nginx-lua
