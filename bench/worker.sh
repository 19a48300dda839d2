# shellcheck shell=bash disable=SC2154,SC2034
# How fast orders get from the stream into SQLite; sourced by script/bench.
#
# Beside it the same rows by the sqlite3 shell, in one transaction per 500: what SQLite itself can do here.

entries=$((buyers < 50000 ? buyers : buyers / 50000 * 50000))

persisted() { sqlite3 -readonly "$1" 'SELECT persisted_position FROM sales' 2>/dev/null || true; }
now_ms() { date +%s%3N; }

# wait_stored DATABASE COUNT: until so many are stored, or more; at most 120 s.
wait_stored() {
    for _ in $(seq 12000); do
        [ "$(persisted "$1")" -ge "$2" ] 2>/dev/null && return 0
        sleep 0.01
    done
    echo 'script/bench: the worker did not store all within 120 s' >&2
    exit 1
}

start_worker() {
    SALE_DATABASE=$1 SALE_OPS_LISTEN=unix:$dir/ops.sock SALE_LEDGER_LISTEN=unix:$dir/ledger.sock \
        "$bin/sale-worker" 2>"$dir/worker.log" 9>&- &
    worker=$!
    ids+=("$worker")
}

stop_worker() {
    kill "$worker"
    wait "$worker" || true
}

memory_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$worker/status"; }

# A backlog, drained.
measure_drain() {
    local round=$1 database=$dir/drain-$1.db begin end first
    "$bin/salectl" create "drain-$round" --title bench --stock "$entries" >/dev/null
    for ((first = 1; first <= entries; first += 50000)); do
        redis-cli -p "$port" --eval bench/fill.lua "sale:{drain-$round}:orders" "sale:{drain-$round}:position" \
            "sale:{drain-$round}:stock" , "drain-$round" "$first" \
            "$((first + 49999 < entries ? first + 49999 : entries))" >/dev/null
    done
    start_worker "$database"
    begin=$(now_ms)
    wait_stored "$database" "$((entries < 100000 ? entries : 100000))"
    early=$(memory_kib)
    wait_stored "$database" "$entries"
    end=$(now_ms)
    printf '{"kind":"worker","entries":%s,"ms":%s,"cpu_us":%s,"rss_early_kib":%s,"rss_kib":%s}\n' "$entries" \
        "$((end - begin))" "$(($(ticks "$worker") * 10000 / entries))" "$early" "$(memory_kib)" >>"$dir/rounds.jsonl"
    stop_worker
    redis-cli -p "$port" FLUSHALL >/dev/null
}

# The same rows, by the shell.
measure_shell() {
    local database=$dir/shell-$1.db begin end
    sqlite3 "$dir/drain-$1.db" ".schema orders" | sed '/TRIGGER/,$d' >"$dir/schema.sql"
    [ -s "$dir/rows.sql" ] || sqlite3 -cmd '.mode insert orders' "$dir/drain-$1.db" 'SELECT * FROM orders' |
        awk 'NR % 500 == 1 { if (NR > 1) print "COMMIT;"; print "BEGIN;" } { print } END { print "COMMIT;" }' >"$dir/rows.sql"
    sqlite3 "$database" 'PRAGMA journal_mode = WAL' '.read '"$dir/schema.sql" >/dev/null
    begin=$(now_ms)
    sqlite3 "$database" 'PRAGMA synchronous = FULL' ".read $dir/rows.sql"
    end=$(now_ms)
    [ "$(sqlite3 "$database" 'SELECT count(*) FROM orders')" = "$entries" ] || wrong=1
    printf '{"kind":"sqlite3 shell","entries":%s,"ms":%s}\n' "$entries" "$((end - begin))" >>"$dir/rounds.jsonl"
}

# Winners of a stampede: how long after the last was secured all are stored.
measure_settling() {
    local round=$1 database=$dir/live-$1.db begin end
    "$bin/salectl" create "live-$round" --title bench --stock "$stock" >/dev/null
    start_worker "$database"
    "$bin/stampede" --target "http://127.0.0.1:$api_port" --sale "live-$round" --buyers "$stock" \
        --connections "$connections" --json >"$dir/report.json" 2>"$dir/stampede.log" || wrong=1
    begin=$(now_ms)
    wait_stored "$database" "$stock"
    end=$(now_ms)
    printf '{"kind":"stampede","entries":%s,"ms":%s}\n' "$stock" "$((end - begin))" >>"$dir/rounds.jsonl"
    stop_worker
    redis-cli -p "$port" FLUSHALL >/dev/null
}

port=$(free_port)
start_redis redis "$port"
for _ in $(seq 100); do
    redis-cli -p "$port" ping >/dev/null 2>&1 && break
    sleep 0.1
done
export SALE_REDIS_URL=redis://127.0.0.1:$port/0
api_port=$(free_port)
SALE_LISTEN=127.0.0.1:$api_port "$bin/sale-api" 2>"$dir/api.log" 9>&- &
ids+=("$!")
for round in $(seq "$rounds"); do
    measure_drain "$round"
    measure_shell "$round"
    measure_settling "$round"
    tail -n 3 "$dir/rounds.jsonl" | jq -r --arg round "$round" \
        '"round \($round) \(.kind): \(.entries) entries in \(.ms) ms"' >&2
    rm -f "$dir"/*.db "$dir"/*.db-*
done

summary=$(jq -s 'def median: sort | .[(length - 1) / 2 | floor];
    (map(select(.kind == "worker") | .entries * 1000 / .ms) | median) as $ours
    | (map(select(.kind == "sqlite3 shell") | .entries * 1000 / .ms) | median) as $shell
    | {entries: .[0].entries, rounds: (length / 3), entries_per_second: ($ours | floor), shell_rows_per_second: ($shell | floor),
       ratio: ($ours / $shell * 100 | round / 100), cpu_us: (map(select(.cpu_us).cpu_us) | median),
       rss_early_kib: (map(select(.rss_early_kib).rss_early_kib) | median),
       rss_kib: (map(select(.rss_kib).rss_kib) | median),
       settled_ms: (map(select(.kind == "stampede").ms) | median)}' "$dir/rounds.jsonl")
if [ "$json" = yes ]; then
    printf '%s\n' "$summary"
else
    jq -r 'to_entries[] | "\(.key) \(.value)"' <<<"$summary"
fi
