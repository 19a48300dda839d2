/// A bug planted on purpose, so that tests can show that `salectl check` finds it.
///
/// SALE_PLANTED_BUG turns one on, in debug builds only: a release build has neither the switch nor the bugs.
package enum PlantedBug: String, CaseIterable, Sendable {
    // What sale-api says and accepts.

    /// A decision is answered before the replicas have it.
    case skipWait = "skip_wait"
    /// A Redis without an append-only file is treated as durable.
    case noAOF = "no_aof"

    // What purchase.lua decides.

    /// A Redis sells before it has been compared with SQLite.
    case noFence = "no_fence"
    /// It keeps selling when nothing is left.
    case noStockCheck = "no_stock_check"
    /// It says "sold out" while the last units are left.
    case soldOutEarly = "sold_out_early"
    /// It says "ended" of an open sale while the last units are left.
    case endedEarly = "ended_early"
    /// A buyer gets as many units as it has keys.
    case noLimit = "no_limit"
    /// Stock is decremented before the checks, so that a refused purchase takes units too.
    case takeBeforeChecks = "take_before_checks"
    /// A key that has won wins again.
    case forgetKeys = "forget_keys"
    /// The position is the time instead of a counter.
    case positionByClock = "position_by_clock"
    /// The position is the number of units left: without gaps, but in reverse.
    case countdownPositions = "countdown_positions"
    /// The stream keeps only its newest entries.
    case trimStream = "trim_stream"

    // How sale-worker reads and stores.

    /// The consumer group begins at the end of the stream.
    case groupFromEnd = "group_from_end"
    /// A group that is ahead of an older database is not set back, and the database doesn't get what it lacks in any
    /// other way.
    case noSetBack = "no_set_back"
    /// Entries count as acknowledged when they are read.
    case noAckRead = "no_ack_read"
    /// Entries are acknowledged before SQLite has them.
    case acknowledgeBeforeCommit = "acknowledge_before_commit"
    /// An order that contradicts a stored one takes its place.
    case overwriteOrders = "overwrite_orders"

    #if DEBUG
        /// The bug planted in this process.
        private static let planted = PlantedBug(rawValue: Program.environment()[Setting.plantedBug.name] ?? "")

        package var isActive: Bool { Self.planted == self }
    #else
        // Inlined, so that the code behind it is not compiled at all.
        @inlinable package var isActive: Bool { false }
    #endif
}

extension Environment {
    /// The bug to plant; nil if there is none, as in every release build.
    package func plantedBug() throws(ConfigurationError) -> PlantedBug? {
        #if DEBUG
            guard let name = self[.plantedBug] else { return nil }
            guard let bug = PlantedBug(rawValue: name) else {
                let known = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError(.plantedBug, "is \"\(name)\"; it must be one of \(known)")
            }
            return bug
        #else
            return nil
        #endif
    }
}

extension Log {
    /// Logs at the start that this program must not be trusted.
    package func report(plantedBug bug: PlantedBug?) {
        guard let bug else { return }
        write(.error, "planted_bug") {
            $0.appendMember("bug", bug.rawValue)
            $0.appendMember("hint", "this process is wrong on purpose; only a test starts it so")
        }
    }
}
