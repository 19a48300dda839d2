# shellcheck shell=bash disable=SC2034,SC2154
# an older copy replaces the database
met=replayed
strike() {
    local copy
    copy=$(disk 3)/copy.db
    rm -f "$copy"
    # In one transaction: .backup starts again whenever the worker commits.
    sqlite3 -readonly "$SALE_DATABASE" "VACUUM INTO '$copy'"
    rows_before=$(sqlite3 "$copy" "SELECT count(*) FROM orders WHERE sale = '$sale'")
    sleep_between 500 1000
    finish worker-0
    finish worker-1
    rows_after=$(sqlite3 "$SALE_DATABASE" "SELECT count(*) FROM orders WHERE sale = '$sale'")
    rm -f "$SALE_DATABASE"-wal "$SALE_DATABASE"-shm
    mv "$copy" "$SALE_DATABASE"
    struck
    start_worker 0
    start_worker 1
}
was_met() { [ "$rows_after" -gt "$rows_before" ]; }
