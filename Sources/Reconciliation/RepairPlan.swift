package import OrderStore
package import Shared

/// How to complete a Redis that has lost something. A pure function of what both stores hold.
///
/// It is a union, never a replacement: every order that either store has stays an order. The stock is what the union
/// leaves, the last position its highest. What neither store has, but was confirmed to a buyer, is recorded as lost
/// and its units are withheld: nothing is ever sold twice to hide a loss.
package struct RepairPlan: Equatable, Sendable {
    package enum Verdict: Equatable, Sendable {
        /// Both agree.
        case nothing
        case repair(RepairPlan)
        /// They contradict each other: a person has to look at it.
        case conflict([Comparison.Difference])
    }

    /// A field of the buyers hash, written whole.
    package struct Field: Equatable, Sendable {
        package var buyer: String
        package var wins: String

        package init(buyer: String, wins: String) {
            self.buyer = buyer
            self.wins = wins
        }
    }

    /// The buyers of whom Redis has lost a win, also one that is a dead letter.
    package private(set) var fields: [Field] = []
    /// Orders that SQLite does not have, to append to the stream again.
    package private(set) var events: [Order] = []
    /// What neither has any more.
    package private(set) var loss: StoredSale.Loss?
    package private(set) var remaining = 0
    /// Units in all: what SQLite holds, and the restocks that are still on the stream or are open dead letters. A
    /// restock that is nowhere was known only to Redis and is lost with it: with fewer units none can be sold twice.
    package private(set) var stockTotal = 0
    package private(set) var position = 0
    package private(set) var lastAt = UnixMilliseconds(0)
    /// Units of all losses that are not released.
    package private(set) var withheld = 0
    /// What differed.
    package private(set) var differences: [Comparison.Difference] = []

    /// - Parameter witness: the highest position that the API processes have confirmed.
    package static func make(redis: RedisSale?, sqlite: StoredSale, witness: Witness?) -> Verdict {
        let comparison = Comparison(sqlite.record.sale, redis: redis, sqlite: sqlite)
        let conflicts = comparison.differences.filter { !$0.isRepairable }
        guard conflicts.isEmpty, let union = comparison.union else { return .conflict(conflicts) }
        let plan = RepairPlan(comparison, union, redis, sqlite, witness)
        guard plan.remaining >= 0 else { return .conflict([.tooMany(units: -plan.remaining)]) }
        return comparison.isEqual && plan.loss == nil ? .nothing : .repair(plan)
    }

    private init(
        _ comparison: Comparison, _ union: OrderUnion, _ redis: RedisSale?, _ sqlite: StoredSale, _ witness: Witness?
    ) {
        differences = comparison.differences
        withheld = comparison.withheld
        stockTotal = sqlite.totalOnRedis(unstored: redis?.unstoredUnits ?? 0)
        for line in union.lines {
            position = line.position
            if let known = line.order ?? line.win { lastAt = max(lastAt, known.securedAt) }
            if let win = line.unstored { events.append(win) }
        }
        position = max(position, sqlite.losses.map(\.positions.upperBound).max() ?? 0)
        noteLoss(witness, units: comparison.units, maxPerBuyer: sqlite.record.maxPerBuyer)
        remaining = stockTotal - comparison.units - withheld
        fields = Self.fields(union)
    }

    private mutating func noteLoss(_ witness: Witness?, units: Int, maxPerBuyer: Int) {
        guard let witness, witness.position > position else { return }
        let positions = position + 1...witness.position
        // What had been sold by then and is unknown now. An order has at least one unit, and at most what one buyer may
        // have. The upper bound matters, because units that a restock has added since look sold, too.
        let missing = max(positions.count, stockTotal - witness.remaining - units - withheld)
        let most = min(positions.count, stockTotal) * maxPerBuyer
        let lost = max(0, min(missing, most, stockTotal - units - withheld))
        loss = StoredSale.Loss(positions: positions, units: lost, isReleased: false)
        position = witness.position
        withheld += lost
    }

    /// The whole field of every buyer of whom Redis lacks a win.
    private static func fields(_ union: OrderUnion) -> [Field] {
        let incomplete = Set(union.lines.compactMap { $0.win == nil ? $0.promised?.buyer : nil })
        guard !incomplete.isEmpty else { return [] }
        var wins: [String: [Win]] = [:]
        for line in union.lines {
            guard let order = line.order ?? line.win ?? line.promised, incomplete.contains(order.buyer) else {
                continue
            }
            wins[order.buyer, default: []].append(
                Win(
                    key: order.key, position: line.position, quantity: order.quantity, securedAt: order.securedAt,
                    epoch: order.epoch))
        }
        return wins.sorted { $0.key < $1.key }.map { buyer, wins in
            Field(buyer: buyer, wins: wins.map(\.text).joined(separator: ";"))
        }
    }
}

extension Comparison.Difference {
    /// Whether the union of both stores resolves it.
    fileprivate var isRepairable: Bool {
        switch self {
        case .notInRedis, .noStream, .noBuyers, .title, .maxPerBuyer, .settings, .stockTotal, .restockNotInSQLite,
            .orderNotInSQLite, .orderNotInRedis, .unitsLeft, .lastPosition, .withheld:
            true
        case .notInSQLite, .uuid, .content, .gap, .unreadableBuyer, .soldSum, .tooMany: false
        }
    }
}
