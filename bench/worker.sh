# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# How fast orders get from the stream into SQLite; sourced by script/bench.
#
# For comparison, the sqlite3 shell inserts the same rows in transactions of 500: what SQLite itself can do here.

: "${buyers:=200000}" "${connections:=128}"
entries=$((buyers < 50000 ? buyers : buyers / 50000 * 50000))

# persisted DATABASE: how many orders are stored; 0 while there is no sale.
persisted() { sqlite3 -readonly "$1" 'SELECT coalesce(max(persisted_position), 0) FROM sales' 2>/dev/null || echo 0; }

# wait_stored DATABASE COUNT SECONDS: until at least that many orders are stored, at most 120 s. Asks each time after
# that many seconds. Asking takes CPU from the worker, so whatever lasts long is asked for rarely.
wait_stored() {
    local end=$((SECONDS + 120))
    until [ "$(persisted "$1")" -ge "$2" ]; do
        [ "$SECONDS" -lt "$end" ] || give_up 'the worker did not store all within 120 s'
        sleep "$3"
    done
}

start_worker() {
    SALE_DATABASE=$1 SALE_OPS_LISTEN=unix:$dir/ops.sock SALE_LEDGER_LISTEN=unix:$dir/ledger.sock \
        start worker "$bin/sale-worker"
    worker=$started
}

# Drains a backlog.
measure_drain() {
    local database=$dir/drain-$round.db begin end early first
    create_sale "drain-$round" "$entries"
    for ((first = 1; first <= entries; first += 50000)); do
        redis-cli -p "$redis_port" --eval bench/fill.lua "sale:{drain-$round}:orders" "sale:{drain-$round}:position" \
            "sale:{drain-$round}:stock" , "drain-$round" "$first" \
            "$((first + 49999 < entries ? first + 49999 : entries))" >/dev/null
    done
    start_worker "$database"
    begin=$(now_ms)
    wait_stored "$database" "$((entries < 100000 ? entries : 100000))" 0.1
    early=$(memory_kib "$worker")
    wait_stored "$database" "$entries" 0.1
    end=$(now_ms)
    jq -nc --argjson round "$round" --argjson entries "$entries" --argjson ms "$((end - begin))" \
        --argjson ticks "$(ticks "$worker")" --argjson early "$early" --argjson late "$(memory_kib "$worker")" \
        '{name: "worker", round: $round, entries: $entries, ms: $ms, cpu_us: ($ticks * 10000 / $entries),
            rss_early_kib: $early, rss_kib: $late}' | add_row
    stop "$worker"
    redis-cli -p "$redis_port" FLUSHALL >/dev/null
}

# Inserts the same rows with the sqlite3 shell, which is asked as often as the worker.
measure_shell() {
    local database=$dir/shell-$round.db begin end shell
    sqlite3 "$dir/drain-$round.db" ".schema orders" | sed '/TRIGGER/,$d' >"$dir/schema.sql"
    [ -s "$dir/rows.sql" ] || sqlite3 -cmd '.mode insert orders' "$dir/drain-$round.db" 'SELECT * FROM orders' |
        awk 'NR % 500 == 1 { if (NR > 1) print "COMMIT;"; print "BEGIN;" } { print } END { print "COMMIT;" }' \
            >"$dir/rows.sql"
    sqlite3 "$database" 'PRAGMA journal_mode = WAL' '.read '"$dir/schema.sql" >/dev/null
    begin=$(now_ms)
    start "shell-$round" sqlite3 "$database" 'PRAGMA synchronous = FULL' ".read $dir/rows.sql"
    shell=$started
    while kill -0 "$shell" 2>/dev/null; do
        persisted "$database" >/dev/null
        sleep 0.1
    done
    end=$(now_ms)
    [ "$(sqlite3 "$database" 'SELECT count(*) FROM orders')" = "$entries" ] || wrong 'the shell has not stored all rows'
    add_duration 'sqlite3 shell' "$entries" "$((end - begin))"
}

# Measures how long after the last win was decided all winners of a stampede are stored, by the clock of this machine.
# The end is when they are seen, once the load client has ended and its report is checked.
measure_persisting() {
    local database=$dir/live-$round.db end
    create_sale "live-$round" "$stock"
    start_worker "$database"
    press "live-$round" --target "http://127.0.0.1:$api_port" --buyers "$stock" --connections "$connections"
    expect ".secured == $stock and .errors == 0"
    wait_stored "$database" "$stock" 0.01
    end=$(now_ms)
    add_duration stampede "$stock" "$((end - $(sqlite3 -readonly "$database" 'SELECT max(secured_at_ms) FROM orders')))"
    stop "$worker"
    redis-cli -p "$redis_port" FLUSHALL >/dev/null
}

# add_duration NAME ENTRIES MS: adds a row.
add_duration() {
    jq -nc --arg name "$1" --argjson round "$round" --argjson entries "$2" --argjson ms "$3" \
        '{name: $name, round: $round, entries: $entries, ms: $ms}' | add_row
}

start_redis redis
start_api api
for round in $(seq "$rounds"); do
    measure_drain
    measure_shell
    measure_persisting
    rm -f "$dir"/*.db "$dir"/*.db-*
done

summarize 'def each(figure): [group_by(.round)[] | figure] | median;
    def rate($name): row($name) | .entries * 1000 / .ms;
    {rows: medians, figures: {entries_per_second: (each(rate("worker")) | floor),
        shell_rows_per_second: (each(rate("sqlite3 shell")) | floor),
        worker_over_shell: (each(rate("worker") / rate("sqlite3 shell")) | rounded),
        settled_ms: each(row("stampede").ms)}}'
