# Judges one part of script/validate by its objectives: what users get first, then the promises. Input: the figures of
# summary.py with .check, the output of `salectl check`. Adds .objectives, each with its value and whether it was met,
# and .wrong, those missed. $stock: units on sale. $rate: presses a second. $peak: whether nothing is broken, so that
# nobody may be refused.
def ms: if . == null then "-" elif . < 10 then "\(. * 100 | round / 100) ms" else "\(round) ms" end;
def percent: if . == null then "-" else "\(. * 100000 | round / 1000) %" end;
def figure(name; value): {name: name, value: value};
# A missing figure is not met; null would be less than any number.
def objective(name; value; must; figure; met):
    {name: name, value: value, must: must, met: (figure != null and (figure | met))};

([0, .check.orders - $stock] | max) as $oversold
| .shop.at_rest.p95_ms as $rest
| .objectives = [
    figure("an answer, p95 · p99"; "\(.slo.p95_ms | ms) · \(.slo.p99_ms | ms)"),
    objective("the slowest answer"; .slo.slowest_ms | ms; "below 3 s"; .slo.slowest_ms; . < 3000),
    objective("without an answer"; .slo.broken_ratio | percent; "at most 0.1 %"; .slo.broken_ratio; . <= 0.001),
    (if $peak then
        objective("refused"; .slo.refused_ratio | percent; "at most 0.1 %"; .slo.refused_ratio; . <= 0.001),
        objective("told yes or no"; "\(.slo.successful_per_second | round) a second"; "at least 95 % of \($rate)";
            .slo.successful_per_second; . >= 0.95 * $rate),
        objective("till yes or no, p95 · most";
            "\(.slo.p95_until_told_ms | ms) · \(.slo.slowest_until_told_ms | ms)"; "below 3 s";
            .slo.slowest_until_told_ms; . < 3000)
    else
        figure("asked to come back"; .slo.refused_ratio | percent),
        figure("told yes or no"; "\(.slo.successful_per_second | round) a second"),
        figure("till yes or no, p95 · most"; "\(.slo.p95_until_told_ms | ms) · \(.slo.slowest_until_told_ms | ms)")
    end),
    objective("told yes or no at last"; "\(.slo.buyers_told) of \(.slo.buyers) buyers"; "all";
        .slo; .buyers_told == .buyers),
    (if .shop then
        objective("the shop's pages"; "\(.shop.during.availability | percent) of \(.shop.during.visits) visits";
            "at least 99.9 %"; .shop.during.availability; . >= 0.999),
        objective("the shop's p95"; "\(.shop.during.p95_ms | ms); at rest \(.shop.at_rest.p95_ms | ms)";
            "at most three times that at rest"; .shop.during.p95_ms; . <= 3 * ($rest // 0))
    else empty end),
    objective("oversold"; "\($oversold) of \($stock) units"; "none"; $oversold; . == 0),
    objective("promises (salectl check)"; "\(.check.verdict), \(.check.orders) orders"; "green";
        .check.verdict; . == "green")]
| .wrong += [.objectives[] | select(.met == false) | "\(.name): \(.value); must be: \(.must)"]
