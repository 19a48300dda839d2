# shellcheck shell=bash
start_nginx nginx-return
