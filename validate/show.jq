# One report of script/validate, for a person.
def cell(width): tostring | (" " * ([width - length, 0] | max)) + .;
def wide(width): . + (" " * ([width - length, 1] | max));

"\(.name): \(.what)",
(.objectives[] | "  " + (.name | wide(28))
    + (if .must then (.value | wide(30)) + "\(if .met then "ok" else "MISSED" end): \(.must)" else .value end)),
(if .show_seconds then
    "  second  pressed     won  sold out  pending  come back  no answer  p95 ms  max ms",
    (.seconds[] | "  " + (.second | cell(6)) + (.pressed | cell(9)) + (.won | cell(8)) + (.sold_out | cell(10))
        + (.pending | cell(9)) + (.come_back | cell(11)) + (.unanswered + .other | cell(11))
        + (.p95_ms // 0 | round | cell(8)) + (.max_ms // 0 | round | cell(8)) + (if .fault then "  *" else "" end))
else empty end),
(.wrong[] | "  wrong: \(.)"),
""
