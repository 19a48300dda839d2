# shellcheck shell=bash disable=SC2034,SC2154
# entries that can't be stored are added to the orders by hand
met=replayed
strike() {
    local host add
    host=$(primary)
    add=(XADD "sale:{$sale}:orders" '*')
    ask_redis "$host" "${add[@]}" hello world >/dev/null
    ask_redis "$host" "${add[@]}" v 2 kind order from 'a later release' >/dev/null
    ask_redis "$host" "${add[@]}" v 1 kind order position 1 quantity 1 >/dev/null
    # A position that is not given yet: it must not take it from the buyer who gets it.
    ask_redis "$host" "${add[@]}" v 9 kind order position "$stock" quantity 1 >/dev/null
    printf '\xff\xfe' | ask_redis "$host" -x "${add[@]}" v 1 kind order buyer >/dev/null
    head -c 1000000 /dev/zero | tr '\0' x | ask_redis "$host" -x "${add[@]}" v 1 kind order buyer >/dev/null
    # Position 1 is another buyer's: one of the two orders is wrong, so the sale is paused for an operator.
    ask_redis "$host" "${add[@]}" v 1 kind order order "$sale-1" position 1 buyer mallory quantity 1 key stolen \
        trace 00000000000000000000000000000000 at_ms 1 epoch 1 >/dev/null
    wait_for 'seven dead letters' test_letters "$host"
    struck
    "$bin/salectl" resume "$sale" >/dev/null
}
test_letters() { [ "$(ask_redis "$1" XLEN "sale:{$sale}:dlq")" = 7 ]; }
