# One report of script/validate, for a person: what users get first, then what must hold.
def ms: if . == null then "-" elif . < 10 then "\(. * 100 | round / 100) ms" else "\(round) ms" end;
def percent: if . == null then "-" else "\(. * 100000 | round / 1000) %" end;
def cell(width): tostring | (" " * ([width - length, 0] | max)) + .;
def line(name; value): "  \(name)\(" " * ([28 - (name | length), 1] | max))\(value)";

"\(.name): \(.what)",
line("an answer, p95 · p99"; "\(.slo.p95_ms | ms) · \(.slo.p99_ms | ms)"),
line("the slowest answer"; .slo.slowest_ms | ms),
line("answered within 3 s"; .slo.answered_in_time | percent),
line("refused or failed"; "\(.slo.error_ratio | percent), of which without a word \(.slo.broken_ratio | percent)"),
line("told yes or no at last"; "\(.slo.buyers_told) of \(.slo.buyers) buyers, \(.slo.successful_per_second | round) a second"),
line("and that after, p95 · most"; "\(.slo.p95_until_told_ms | ms) · \(.slo.slowest_until_told_ms | ms)"),
(if .shop then
    line("the shop's pages"; "\(.shop.during.availability | percent) of \(.shop.during.visits) visits, p95 "
        + "\(.shop.during.p95_ms | ms); at rest \(.shop.at_rest.p95_ms | ms)")
else empty end),
(if .show_seconds then
    "  second  pressed     won  sold out  pending  come back  no answer  p95 ms  max ms",
    (.seconds[] | "  " + (.second | cell(6)) + (.pressed | cell(9)) + (.won | cell(8)) + (.sold_out | cell(10))
        + (.pending | cell(9)) + (.come_back | cell(11)) + (.unanswered + .other | cell(11))
        + (.p95_ms // 0 | round | cell(8)) + (.max_ms // 0 | round | cell(8)) + (if .fault then "  *" else "" end))
else empty end),
line("promises (salectl check)"; "\(.check.verdict), \(.check.violations | length) violations, \(.check.orders) orders"),
(.wrong[] | "  wrong: \(.)"),
""
