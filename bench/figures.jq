# Functions over figures, shared by all sections.

def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;

def rounded: if type == "number" then . * 1000 | round / 1000 else . end;

# The median of every number over the rows of a name, in the order of the names' first rows.
def medians:
    [.[].name] as $names
    | group_by(.name)
    | map(. as $rows | .[0]
        | with_entries(.key as $key
            | if .value | type == "number" then .value = ([$rows[][$key]] | median | rounded) else . end)
        | del(.round))
    | sort_by(.name as $name | $names | index($name));

# The row with a name; null if there is none.
def row($name): map(select(.name == $name)) | first;

# Compares the budgets of a section with its figures. A budget without its figure is missed, except that of an older
# build, which is left out unless --against asked for it.
def judged($budgets):
    .figures as $figures
    | [$budgets[] | select($figures[.figure] != null or (.figure | startswith("new_over_old") | not))
        | . + {value: $figures[.figure]}
        | .held = (.value != null
            and (.at_least == null or .value >= .at_least) and (.at_most == null or .value <= .at_most))];

def bound: if .at_least != null then "at least \(.at_least)" else "at most \(.at_most)" end;

# A section's result as lines.
def text:
    .section,
    (.rows[]? | "  \(.name): " + (del(.name) | to_entries | map("\(.key) \(.value)") | join(", "))),
    (.figures | to_entries[] | "  \(.key) \(.value)"),
    (.budgets[] | "  \(if .held then "held  " else "MISSED" end) \(.figure) \(.value // "has no figure"), \(bound)");
