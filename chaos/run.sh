#!/usr/bin/env bash
# The rounds of one scenario of script/chaos, inside the namespaces that it has made. Prints a JSON line for each.
set -euo pipefail
# shellcheck source=script/common.sh
source script/common.sh
# shellcheck source=chaos/network.sh
source chaos/network.sh
# shellcheck source=chaos/system.sh
source chaos/system.sh

# dir, bin, older: folders of the data, of this release's programs and of an older one's; bug: the planted one.
: "${dir:?}" "${bin:?}" "${older:=}" "${bug:=}" "${rounds:?}" "${seed:?}" "${buyers:?}" "${stock:?}"
scenario=$1
# How many buyers must hear yes.
wanted=$((buyers < stock ? buyers : stock))
RANDOM=$seed

run_round() {
    local seconds
    round=$1 data=$dir/round-$1
    # A command that fails, as in a fault that could not be planted, ends the scenario. This round has a line all the
    # same, and so may not be green.
    trap record EXIT
    # On a slow machine the last unit may be sold before the fault strikes. Then the round proves nothing, and is played
    # again with buyers who come more slowly.
    for seconds in 8 16 32; do
        [ "$seconds" = 8 ] || say "round $round: all was sold before the fault struck; again within $seconds s"
        rm -rf "$data"
        mkdir -p "$data"
        touch "$data/check.json" "$data/report.json"
        play_round "$scenario-$round-$seconds" "$data" while_it_sells --over "${seconds}s" --retry-share 0.05 \
            --target "http://$(front_address 0):8101" --target "http://$(front_address 1):8101"
        if ! struck_too_late; then break; fi
    done
    record
    trap - EXIT
}

# Whether that is all that is wrong with the round, but for a trace of the fault, which may then be missing.
struck_too_late() {
    [ "$struck_in_time" = no ] && jq -es --argjson wanted "$wanted" '
        .[0].violations == [] and (.[1] | .errors == 0 and .malformed == 0 and .secured == $wanted)' \
        "$data/check.json" "$data/report.json"
} >/dev/null

while_it_sells() {
    wait_for 'that somebody wins' has_sold "$sale"
    # Within eight seconds, half of the units are sold two seconds later, and all after two more.
    sleep_between 500 2000
}

# Prints the round's line, and keeps the data of one that is not green.
record() {
    local name
    for name in "${processes[@]}"; do is_running "$name" || wrong+=("$name is not running"); done
    jq -nc --arg scenario "$scenario" --argjson round "$round" --argjson wanted "$wanted" \
        --slurpfile check "$data/check.json" --slurpfile report "$data/report.json" '
        $check[0] as $check | $report[0] as $report | $ARGS.positional as $wrong
        | def violated(name): $check | if . then [.violations[] | select(.invariant == name)] | length else null end;
        {$scenario, $round,
            verdict: (
                if $check == null then "broken"
                elif $check.verdict != "green" then $check.verdict
                elif $wrong != [] then "invalid"
                elif $report.errors != 0 then "unanswered"
                elif $report.malformed > 0 then "garbled"
                elif $report.secured != $wanted then "undersold"
                else "green" end),
            confirmed: $report.secured, unanswered: $report.errors,
            lost: violated("confirmed_is_stored"), oversold: violated("never_oversold"),
            slowest_answer_ms: $check.slowest_answer_ms, longest_silence_ms: $check.longest_silence_ms,
            wrong: ($wrong + [$check.never_met[]? | "the log does not show: \(.)"]
                + [$check.violations[:5][]? | "\(.invariant): \(.message)"])}' \
        --args "${wrong[@]}" | tee "$data/round.json"
    if jq -e '.verdict == "green"' "$data/round.json" >/dev/null; then
        rm -r "$data"
    else
        cp -r "$(disk 3)" "$data/"
    fi
}

make_network
start_system
use_scenario "$scenario"
for round in $(seq "$rounds"); do run_round "$round"; done
