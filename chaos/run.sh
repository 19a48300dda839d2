#!/usr/bin/env bash
# The rounds of script/chaos, inside the namespaces that it has made.
set -euo pipefail
# shellcheck source=script/common.sh
source script/common.sh
# shellcheck source=chaos/network.sh
source chaos/network.sh
# shellcheck source=chaos/system.sh
source chaos/system.sh

# dir, bin, older: folders of the data, of this release's programs and of an older one's; bug: the planted one.
: "${dir:?}" "${bin:?}" "${older:=}" "${bug:=}" "${rounds:?}" "${seed:?}" "${buyers:?}" "${stock:?}"
RANDOM=$seed

count() { jq "$1" "$dir/check-$sale.json"; }

run_round() {
    local scenario=$1 round=$2 log client verdict
    sale=$scenario-$round log=$dir/attempts.jsonl
    "$bin/salectl" create "$sale" --title "$scenario" --stock "$stock" >/dev/null
    prepare
    "$bin/stampede" --target "http://$(front_address 0):8101" --target "http://$(front_address 1):8101" \
        --sale "$sale" --buyers "$buyers" --over 8s --retry-share 0.05 --log "$log" --json \
        >"$dir/report.json" 2>"$dir/stampede.log" &
    client=$!
    sleep_between 500 3000
    strike
    wait "$client" || true
    wait_for 'that everything is whole again' is_whole
    # If that never happens, the check reports what is missing.
    (wait_for "that the worker has stored all of $sale" is_drained "$sale") || true
    "$bin/salectl" check "$sale" --log "$log" --met "$met" --json >"$dir/check-$sale.json" || true
    verdict=$(jq -r .verdict "$dir/check-$sale.json")
    if [ "$verdict" = green ]; then
        was_met || verdict=invalid
        [ "$(jq .errors "$dir/report.json")" = 0 ] || verdict=unanswered
    fi
    jq -c --arg scenario "$scenario" --argjson round "$round" --arg verdict "$verdict" \
        --slurpfile report "$dir/report.json" '
        def violated(name): [.violations[] | select(.invariant == name)] | length;
        {$scenario, $round, $verdict, confirmed: $report[0].secured, unanswered: $report[0].errors,
            lost: violated("confirmed_is_stored"), oversold: violated("never_oversold"),
            slowest_answer_ms, longest_silence_ms}' "$dir/check-$sale.json" | tee -a "$dir/rounds.jsonl" |
        jq -r '[.scenario, .round, .verdict, .confirmed, .lost, .oversold, .slowest_answer_ms, .longest_silence_ms]
            | @tsv' |
        while IFS=$'\t' read -ra row; do print_row "${row[@]}"; done
    if [ "$verdict" != green ]; then
        jq -r '.violations[:5][] | "  \(.invariant): \(.message)"' "$dir/check-$sale.json"
        mkdir -p "$dir/failed-$sale"
        cp -r "$log" "$dir/report.json" "$(disk 3)" "$dir/failed-$sale/"
    fi
}

print_row() { printf '%-20s %5s %-10s %9s %5s %8s %10s %11s\n' "$@"; }

make_network
start_system
printf 'seed %s\n' "$seed"
print_row scenario round verdict confirmed lost oversold slowest_ms silence_ms
for scenario; do
    # A scenario may define `prepare`, run before the first press, and `was_met`, further proof that its fault took
    # place. It must define `strike`, which breaks and heals, and `met`, what salectl check must see in the log.
    prepare() { :; }
    was_met() { :; }
    met=''
    # shellcheck disable=SC1090
    source "chaos/scenarios/$scenario.sh"
    for round in $(seq "$rounds"); do run_round "$scenario" "$round"; done
done
jq -rs '"\(length) rounds, \(map(select(.verdict != "green")) | length) not green; " +
    "confirmed \(map(.confirmed) | add), lost \(map(.lost) | add), oversold \(map(.oversold) | add); longest wait for an answer " +
    "\(map(.slowest_answer_ms) | max) ms, longest time without a decision \(map(.longest_silence_ms) | max) ms"' \
    "$dir/rounds.jsonl"
jq -es 'all(.verdict == "green")' "$dir/rounds.jsonl" >/dev/null
