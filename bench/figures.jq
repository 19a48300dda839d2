# What all sections do with figures.

def median: sort | .[(length - 1) / 2 | floor];

def rounded: if type == "number" then . * 1000 | round / 1000 else . end;

# Medians of every number, over rows of one name, in the order in which the names came.
def medians:
    [.[].name] as $names
    | group_by(.name)
    | map(. as $rows | .[0]
        | with_entries(.key as $key | if .value | type == "number" then .value = ([$rows[][$key]] | median | rounded) else . end)
        | del(.round))
    | sort_by(.name as $name | $names | index($name));

# The row of a name; null where there is none.
def row($name): map(select(.name == $name)) | first;

# Budgets of a section held against its figures: one whose figure is not there is missed. That of an older build is there where
# --against asks for it, and left out otherwise.
def judged($budgets):
    .figures as $figures
    | [$budgets[] | select($figures[.figure] != null or (.figure | startswith("new_over_old") | not))
        | . + {value: $figures[.figure]}
        | .held = (.value != null and (.at_least == null or .value >= .at_least) and (.at_most == null or .value <= .at_most))];

def bound: if .at_least != null then "at least \(.at_least)" else "at most \(.at_most)" end;

# A section's result as lines.
def text:
    .section,
    (.rows[]? | "  \(.name): " + (del(.name) | to_entries | map("\(.key) \(.value)") | join(", "))),
    (.figures | to_entries[] | "  \(.key) \(.value)"),
    (.budgets[] | "  \(if .held then "held  " else "MISSED" end) \(.figure) \(.value // "was not seen"), \(bound)");
