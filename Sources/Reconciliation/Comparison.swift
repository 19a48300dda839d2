package import OrderStore
package import Shared

/// Compares what Redis and SQLite hold of one sale. A pure function of what was read from each.
package struct Comparison: Sendable {
    package enum Difference: Equatable, Sendable {
        /// One of the two has no such sale.
        case notInRedis
        case notInSQLite
        /// Redis has no orders stream of it.
        case noStream
        /// Redis has positions that were won, and no buyers.
        case noBuyers
        /// Two different sales of one name.
        case uuid(redis: String, sqlite: String)
        case stockTotal(redis: Int, sqlite: Int)
        /// Restocks that are on the stream and not stored yet: the worker's backlog.
        case restockNotInSQLite(units: Int)
        case title(redis: String, sqlite: String)
        case maxPerBuyer(redis: Int, sqlite: Int)
        /// Opening time, closing time, pause or admission.
        case settings(redis: SaleSettings, sqlite: SaleSettings)
        /// A win that is not stored: the worker's backlog or, if its event is gone from the stream, a loss.
        case orderNotInSQLite(position: Int)
        case orderNotInRedis(position: Int)
        /// Both have the position, with different content.
        case content(position: Int, redis: Order, sqlite: Order)
        /// Positions below the last that neither has.
        case gap(from: Int, through: Int)
        /// A buyer's field that can't be read, or a position that two fields claim.
        case unreadableBuyer(String)
        /// Orders and dead letters have more units than there are.
        case tooMany(units: Int)
        /// The units left differ from those that the orders leave.
        case unitsLeft(redis: Int, expected: Int)
        case lastPosition(redis: Int, expected: Int)
        /// The units that Redis would release are not those of the lost orders.
        case withheld(redis: Int, expected: Int)
        /// The sum that SQLite keeps differs from the sum of its rows.
        case soldSum(kept: Int, counted: Int)
    }

    package let sale: SaleID
    /// Every position that either side has; nil if SQLite has no such sale.
    package let union: OrderUnion?
    package private(set) var differences: [Difference] = []
    package private(set) var orders = 0
    package private(set) var units = 0
    package private(set) var deadLetters = 0
    /// Units of lost orders, neither sold nor on sale.
    package private(set) var withheld = 0

    package var isEqual: Bool { differences.isEmpty }

    package init(_ sale: SaleID, redis: RedisSale?, sqlite: StoredSale?) {
        self.sale = sale
        union = sqlite.map { OrderUnion(redis: redis, sqlite: $0) }
        guard let sqlite, let union else {
            if redis != nil { differences.append(.notInSQLite) }
            return
        }
        orders = sqlite.orders.count
        units = union.units
        deadLetters = sqlite.rejectedOrders.count
        withheld = union.withheld
        guard let redis else {
            // An archived sale is in SQLite alone.
            if sqlite.archivedAt == nil { differences.append(.notInRedis) }
            return
        }
        compareRecords(redis, sqlite)
        compareOrders(union, redis.status, sqlite)
    }

    private mutating func compareRecords(_ redis: RedisSale, _ sqlite: StoredSale) {
        let status = redis.status
        if status.uuid != sqlite.record.uuid {
            differences.append(.uuid(redis: status.uuid, sqlite: sqlite.record.uuid))
        }
        if redis.unstoredUnits != 0 { differences.append(.restockNotInSQLite(units: redis.unstoredUnits)) }
        let total = sqlite.totalOnRedis(unstored: redis.unstoredUnits)
        if status.stockTotal != total { differences.append(.stockTotal(redis: status.stockTotal, sqlite: total)) }
        if units + withheld > total { differences.append(.tooMany(units: units + withheld - total)) }
        if redis.withheld != withheld { differences.append(.withheld(redis: redis.withheld, expected: withheld)) }
        if status.title != sqlite.record.title {
            differences.append(.title(redis: status.title, sqlite: sqlite.record.title))
        }
        let most = sqlite.record.maxPerBuyer
        if status.maxPerBuyer != most { differences.append(.maxPerBuyer(redis: status.maxPerBuyer, sqlite: most)) }
        let settings = sqlite.record.settings
        if status.settings != settings { differences.append(.settings(redis: status.settings, sqlite: settings)) }
        if !status.hasStream { differences.append(.noStream) }
        if !status.hasBuyers { differences.append(.noBuyers) }
        differences += redis.unreadableBuyers.map { .unreadableBuyer($0) }
    }

    private mutating func compareOrders(_ union: OrderUnion, _ status: SaleStatus, _ sqlite: StoredSale) {
        let counted = sqlite.orders.reduce(0) { $0 + $1.quantity }
        if counted != sqlite.sold { differences.append(.soldSum(kept: sqlite.sold, counted: counted)) }

        var last = 0
        for line in union.lines {
            let position = line.position
            addGap(from: last + 1, through: position - 1, sqlite.losses)
            last = position
            switch (line.win, line.order) {
            case (let win?, let order?):
                if !win.isSame(as: order) {
                    differences.append(.content(position: position, redis: win, sqlite: order))
                }
            case (_?, nil): if line.letter == nil { differences.append(.orderNotInSQLite(position: position)) }
            case (nil, _?): differences.append(.orderNotInRedis(position: position))
            // A dead letter, whose buyer was told that it won.
            case (nil, nil): if line.promised != nil { differences.append(.orderNotInRedis(position: position)) }
            }
        }
        if let lost = sqlite.losses.map(\.positions.upperBound).max(), lost > last {
            addGap(from: last + 1, through: lost, sqlite.losses)
            last = lost
        }
        let expected = status.stockTotal - units - withheld
        if status.remaining != expected {
            differences.append(.unitsLeft(redis: status.remaining, expected: expected))
        }
        if status.position != last { differences.append(.lastPosition(redis: status.position, expected: last)) }
    }

    /// Notes positions that neither has, except for those that are known to be lost.
    private mutating func addGap(from first: Int, through last: Int, _ losses: [StoredSale.Loss]) {
        var next = first
        for loss in losses where loss.positions.upperBound >= next && loss.positions.lowerBound <= last {
            if loss.positions.lowerBound > next {
                differences.append(.gap(from: next, through: loss.positions.lowerBound - 1))
            }
            next = loss.positions.upperBound + 1
        }
        if next <= last { differences.append(.gap(from: next, through: last)) }
    }
}

extension Comparison.Difference: CustomStringConvertible {
    /// One sentence for the operator.
    package var description: String {
        switch self {
        case .notInRedis: "SQLite has this sale, Redis has not"
        case .notInSQLite: "Redis has this sale, SQLite has not"
        case .noStream: "the sale's orders stream is gone from Redis"
        case .noBuyers: "the sale's buyers are gone from Redis"
        case .uuid(let redis, let sqlite):
            "two different sales of one name: uuid \(redis) in Redis, \(sqlite) in SQLite"
        case .restockNotInSQLite(let units): "a restock of \(units) units is on the stream and not in SQLite"
        case .stockTotal(let redis, let sqlite): "stock_total is \(redis) in Redis, \(sqlite) in SQLite"
        case .title(let redis, let sqlite): "the title is \"\(redis)\" in Redis, \"\(sqlite)\" in SQLite"
        case .maxPerBuyer(let redis, let sqlite): "max_per_buyer is \(redis) in Redis, \(sqlite) in SQLite"
        case .settings(let redis, let sqlite): Self.differences(redis, sqlite)
        case .orderNotInSQLite(let position): "position \(position) is in Redis and not in SQLite"
        case .orderNotInRedis(let position): "position \(position) is in SQLite and not in Redis"
        case .content(let position, let redis, let sqlite):
            "position \(position) is \"\(redis.content)\" in Redis, \"\(sqlite.content)\" in SQLite"
        case .gap(let first, let last): "positions \(first) to \(last) are in neither"
        case .unreadableBuyer(let buyer): "the wins of buyer \(buyer) in Redis can't be read, or repeat a position"
        // What Redis lacks reads as -1.
        case .unitsLeft(-1, let expected): "the sale's stock is gone from Redis; the orders leave \(expected)"
        case .unitsLeft(let redis, let expected): "Redis has \(redis) units left; the orders leave \(expected)"
        case .tooMany(let units): "orders and dead letters are \(units) units more than there are"
        case .lastPosition(-1, let expected): "the sale's position is gone from Redis; the orders' last is \(expected)"
        case .lastPosition(let redis, let expected):
            "Redis' last position is \(redis); the orders' last is \(expected)"
        case .withheld(let redis, let expected):
            "Redis withholds \(redis) units of lost orders instead of \(expected)"
        case .soldSum(let kept, let counted): "SQLite counts \(kept) units sold; its orders add up to \(counted)"
        }
    }

    /// The same without what a buyer is called or has sent, as logs outlive an erasure.
    package var withoutBuyers: String {
        switch self {
        case .content(let position, _, _): "position \(position) is not the same order in Redis and in SQLite"
        case .unreadableBuyer: "the wins of a buyer in Redis can't be read, or repeat a position"
        default: description
        }
    }

    /// Only what differs.
    private static func differences(_ redis: SaleSettings, _ sqlite: SaleSettings) -> String {
        var phrases: [String] = []
        func compare(_ name: String, _ text: (SaleSettings) -> String) {
            let (redis, sqlite) = (text(redis), text(sqlite))
            if redis != sqlite { phrases.append("\(name) \(redis) in Redis, \(sqlite) in SQLite") }
        }
        compare("it opens at") { $0.opensAt?.rfc3339 ?? "-" }
        compare("it closes at") { $0.closesAt?.rfc3339 ?? "-" }
        compare("it is") { $0.paused ? "paused" : "not paused" }
        compare("its admission is") { $0.waitingRoom?.schedule.text ?? "-" }
        compare("a turn lasts") { $0.waitingRoom.map { "\($0.turnWindowMilliseconds) ms" } ?? "-" }
        return "the sale's settings: " + phrases.joined(separator: "; ")
    }
}

extension Order {
    /// What both sides know of it.
    fileprivate var content: String { "\(buyer) \(key) \(quantity) \(securedAt.value) \(epoch)" }
}
