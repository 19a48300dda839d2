# shellcheck shell=bash disable=SC2034,SC2154
# the primary's answers are lost on the way for a second and a half, after the work is done
met=unavailable
strike() {
    local from to
    from=$(primary)
    # Hosts 0 and 1 have an API process, 3 has the worker; a process on the primary's own host still hears it.
    for to in 0 1 3; do [ "$to" = "$from" ] || lose_answers "$from" "$to"; done
    struck
    sleep 1.5
    for to in 0 1 3; do [ "$to" = "$from" ] || pass_answers "$from" "$to"; done
}
