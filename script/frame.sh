# shellcheck shell=bash
# What every script begins with: how it speaks, ends, and reads its options; sourced, never run.

# The script that messages name. A script exports it to those that only it runs (chaos/*.sh, validate/*.sh): they speak
# for it.
: "${self:=script/${0##*/}}"

say() { printf '%s: %s\n' "$self" "$*" >&2; }

# fail CODE WHY
fail() {
    say "$2"
    exit "$1"
}
fail_usage() { fail 64 "$1 (see --help)"; }

# at_most COUNT [ARGUMENT…]: refuses what follows the arguments that a script knows.
at_most() { [ $# -le $(($1 + 1)) ] || fail_usage "unexpected argument ${*:$(($1 + 2)):1}"; }

# take_value OPTION [VALUE…]: sets the variable that is named like the option.
take_value() {
    case ${2:-} in '' | --*) fail_usage "$1 needs a value" ;; esac
    printf -v "${1#--}" %s "$2"
}
# take_number OPTION [VALUE…]: the same for a whole number from 1; --buyers also has an upper bound.
take_number() {
    [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || fail_usage "$1 needs a whole number from 1"
    # The load client takes at most so many buyers.
    if [ "$1" = --buyers ] && [ "$2" -gt 10000000 ]; then fail_usage '--buyers can be at most 10000000'; fi
    take_value "$@"
}

# distinct WORD…: each word once, a line each, in the order in which they first occur.
distinct() { printf '%s\n' "$@" | awk '!seen[$0]++'; }

# Ends the script if another run of it is in progress in this folder. Descriptor 9 is the lock: what may outlive the
# script is started without it (9>&-).
only_one() {
    mkdir -p var
    exec 9>"var/${0##*/}.lock"
    flock -n 9 || fail 75 'another run is in progress in this folder'
}
