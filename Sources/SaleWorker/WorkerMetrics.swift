import OrderStore
import Shared

/// What the worker counts, and its state.
final class WorkerMetrics {
    var stored = 0
    /// Entries that had been stored before.
    var repeated = 0
    var deadLetters = 0
    /// Orders beyond the stock that only the schema's guard has refused.
    var oversellsPrevented = 0
    /// From the first statement to the end of the commit.
    var commitLatency = LatencyHistogram()
    /// Passes that failed because Redis or SQLite could not be used.
    var failures = 0
    /// How often Redis was completed from SQLite.
    var repairs = 0
    /// Why nothing can be stored; nil while all is well.
    var trouble: String?
    /// By sale, as it was measured last.
    var figures: [SaleID: SaleFigures] = [:]
    /// Connections made to Redis.
    var connects = 0
    /// Requests to the operators' listener without the right token.
    var refusals = 0

    /// Appends all metrics in Prometheus' text format.
    ///
    /// - Parameters:
    ///   - sales: as SQLite has them; nil if it can't be read.
    ///   - strays: open dead letters of sales that SQLite does not have.
    ///   - linesDropped: lines that the log has lost.
    func append(
        to output: inout ByteBuffer, sales readable: [SaleOverview]?, strays: [(sale: SaleID, count: Int)],
        linesDropped: Int
    ) {
        var text = MetricsText()
        text.process(linesDropped: linesDropped)
        let sales = readable ?? []
        text.gauge(
            "sale_worker_database_readable", "1 while the figures from SQLite can be read; if 0, they are missing.",
            readable == nil ? 0 : 1)
        text.counters(
            "sale_worker_entries_total", "Stream entries that were processed.", label: "outcome",
            [("stored", stored), ("repeated", repeated), ("dead_letter", deadLetters)])
        text.histogram("sale_worker_commit_seconds", "Time to store one batch.", commitLatency)
        text.counter("sale_worker_failures_total", "Passes that failed and are tried again.", failures)
        text.counter("sale_worker_repairs_total", "Times that Redis was completed from SQLite.", repairs)
        text.gauge("sale_worker_ready", "1 while orders are stored.", trouble == nil ? 1 : 0)
        text.gauges(
            "sale_worker_lag_positions", "Positions given by Redis and not stored yet.", label: "sale",
            lines { $0.lag })
        text.gauges(
            "sale_fenced", "1 if Redis does not sell it: it has not been found equal to SQLite, or lacks a part.",
            label: "sale", lines { $0.isFenced ? 1 : 0 })
        text.gauges(
            "sale_paused", "1 if it is paused, also before it opens; absent once it has ended.",
            label: "sale", lines { $0.pauses.map { $0.contains(.sale) ? 1 : 0 } })
        text.gauges(
            "sale_admission_paused", "1 if its admission is paused; absent once it has ended.",
            label: "sale", lines { $0.pauses.map { $0.contains(.admission) ? 1 : 0 } })
        text.gauges(
            "sale_set_aside", "1 if the worker can't work on it, and tries again every second.", label: "sale",
            lines { $0.isSetAside ? 1 : 0 })
        text.gauges(
            "sale_worker_stream_entries_open",
            "Stream entries not read or not acknowledged; counted up to 10000 while a restored database catches up.",
            label: "sale", lines { $0.backlog })
        text.gauges(
            "sale_worker_oldest_open_seconds", "Age of the oldest stream entry that is not stored; 0 without one.",
            label: "sale", milliseconds: lines { $0.oldestMilliseconds })
        text.counter("sale_worker_redis_connects_total", "Connections made to Redis.", connects)
        text.counter(
            "sale_worker_operator_refused_total", "Requests of operators without the right token.", refusals)
        text.counter(
            "sale_oversells_prevented_total", "Orders refused by the guard of the stock in SQLite.",
            oversellsPrevented)
        text.gauges(
            "sale_dead_letters_open", "Dead letters that nobody has decided about.", label: "sale",
            sales.map { ("\($0.sale)", $0.openDeadLetters) } + strays.map { ("\($0.sale)", $0.count) })
        text.gauges("sale_units_sold", "Units in stored orders.", label: "sale", sales.map { ("\($0.sale)", $0.sold) })
        text.gauges(
            "sale_units_stock", "Units on sale, sold ones included.", label: "sale",
            sales.map { ("\($0.sale)", $0.stockTotal) })
        text.gauges(
            "sale_units_withheld", "Units of orders that are lost, kept off sale until they are released.",
            label: "sale", sales.filter { !$0.isArchived }.map { ("\($0.sale)", $0.withheld) })
        text.gauges(
            "sale_ledger_entries", "Length of the ledger.", label: "sale", sales.map { ("\($0.sale)", $0.ledgerSeq) })
        output.append(text.buffer)
    }

    /// One figure of each sale that has it, by name.
    private func lines(_ figure: (SaleFigures) -> Int?) -> [(String, Int)] {
        figures.sorted { $0.key < $1.key }.compactMap { sale, figures in figure(figures).map { ("\(sale)", $0) } }
    }
}
