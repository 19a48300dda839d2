import OrderStore
import Reconciliation
import Shared
import Testing

@Suite struct `A comparison of Redis and SQLite` {
    private let sale = TestStores.sale

    private func stores() -> (redis: RedisSale, sqlite: StoredSale) { TestStores.equal() }

    private func differences(
        _ change: (inout RedisSale, inout StoredSale) -> Void
    ) -> [Comparison.Difference] {
        var (redis, sqlite) = stores()
        change(&redis, &sqlite)
        return Comparison(sale, redis: redis, sqlite: sqlite).differences
    }

    @Test func `finds nothing if both are equal`() {
        var (redis, sqlite) = stores()
        let comparison = Comparison(sale, redis: redis, sqlite: sqlite)
        #expect(comparison.isEqual)
        #expect(comparison.orders == 3)
        #expect(comparison.units == 3)
        (redis.status.stockTotal, redis.status.remaining, sqlite.record.stockTotal) = (3, 0, 3)
        #expect(Comparison(sale, redis: redis, sqlite: sqlite).isEqual, "sold out")
    }

    @Test func `calls what the worker has not stored yet a backlog, if it can still store it`() {
        var (redis, sqlite) = stores()
        sqlite.orders.removeLast()
        sqlite.sold = 2
        redis.backlog = [.order(TestStores.order(3))]
        let comparison = Comparison(sale, redis: redis, sqlite: sqlite)
        #expect(comparison.differences == [.orderNotInSQLite(position: 3)])
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
        redis.backlog = []
        #expect(!Comparison.isEqual(afterBacklogOf: redis, sqlite))
        redis.backlog = [.order(TestStores.order(3))]
        redis.status.remaining = 8
        #expect(!Comparison.isEqual(afterBacklogOf: redis, sqlite))
    }

    @Test func `counts an order once that the stream brings again`() {
        var (redis, sqlite) = stores()
        sqlite.orders.removeLast()
        sqlite.sold = 2
        redis.backlog = [.order(TestStores.order(2)), .order(TestStores.order(3))]
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
    }

    @Test func `counts the units of a lost order once that Redis or the stream brings back`() {
        var (redis, sqlite) = stores()
        sqlite.orders.removeLast()
        sqlite.sold = 2
        sqlite.losses = [.init(positions: 3...3, units: 1, isReleased: false)]
        let comparison = Comparison(sale, redis: redis, sqlite: sqlite)
        #expect(comparison.differences == [.orderNotInSQLite(position: 3)])
        redis.backlog = [.order(TestStores.order(3))]
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
    }

    @Test func `calls a restock a backlog while its event is on the stream, and no longer`() {
        var (redis, sqlite) = stores()
        redis.status.stockTotal = 15
        redis.status.remaining = 12
        redis.backlog = [.restock(units: 5, at: UnixMilliseconds(1))]
        let comparison = Comparison(sale, redis: redis, sqlite: sqlite)
        #expect(comparison.differences == [.restockNotInSQLite(units: 5)])
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
        redis.backlog = []
        #expect(
            Comparison(sale, redis: redis, sqlite: sqlite).differences == [.stockTotal(redis: 15, sqlite: 10)])
        sqlite.record.stockTotal = 15
        #expect(Comparison(sale, redis: redis, sqlite: sqlite).isEqual)
    }

    @Test func `calls a changed title or setting a backlog, and units that were released`() {
        var (redis, sqlite) = stores()
        redis.status.title = "x"
        redis.status.settings.paused = true
        redis.status.position = 5
        sqlite.losses = [.init(positions: 4...5, units: 2, isReleased: false)]
        #expect(!Comparison.isEqual(afterBacklogOf: redis, sqlite))
        redis.backlog = [
            .set(SettingsChange(title: "x")), .set(SettingsChange(paused: true)),
            .release(units: 2, at: UnixMilliseconds(1)),
        ]
        let comparison = Comparison(sale, redis: redis, sqlite: sqlite)
        #expect(comparison.differences.count == 4)
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
    }

    @Test func `calls a stream that was begun again a backlog of a database that is older than it`() {
        var (redis, sqlite) = stores()
        sqlite.undecidedRestock = 5
        redis.status.title = "x"
        redis.status.settings.paused = true
        redis.status.stockTotal = 12
        redis.status.remaining = 9
        var record = sqlite.record
        (record.title, record.settings.paused, record.stockTotal) = ("x", true, 12)
        redis.backlog = [.create(record)]
        #expect(!Comparison.isEqual(afterBacklogOf: redis, sqlite), "it knows this one")
        record.epoch = 2
        redis.backlog = [.restock(units: 2, at: UnixMilliseconds(1)), .create(record)]
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
        // The worker takes the first one of an epoch.
        record.stockTotal = 11
        redis.backlog.append(.create(record))
        #expect(Comparison.isEqual(afterBacklogOf: redis, sqlite))
    }

    @Test func `accounts for an order among the dead letters`() {
        let found = differences { _, sqlite in
            sqlite.orders.removeLast()
            sqlite.sold = 2
            sqlite.rejectedOrders = [.init(position: 3, quantity: 1)]
        }
        #expect(found.isEmpty)
        let lost = differences { redis, sqlite in
            sqlite.orders.removeLast()
            sqlite.sold = 2
            sqlite.rejectedOrders = [.init(position: 3, quantity: 1, order: TestStores.order(3))]
            redis.wins[3] = nil
        }
        #expect(lost == [.orderNotInRedis(position: 3)])
    }

    @Test func `tells of more units than there are, also if both stores agree about them`() {
        let found = differences { redis, sqlite in
            redis.status.position = 4
            redis.status.remaining = -1
            sqlite.rejectedOrders = [.init(position: 4, quantity: 8)]
        }
        #expect(found == [.tooMany(units: 1)])
        let withheld = differences { redis, sqlite in
            redis.status.position = 4
            (redis.status.remaining, redis.withheld) = (-1, 8)
            sqlite.losses = [.init(positions: 4...4, units: 8, isReleased: false)]
        }
        #expect(withheld == [.tooMany(units: 1)])
    }

    @Test func `expects of Redis the units of restocks that are dead letters`() {
        let found = differences { redis, sqlite in
            sqlite.undecidedRestock = 5
            redis.status.stockTotal = 15
            redis.status.remaining = 12
        }
        #expect(found.isEmpty)
    }

    @Test func `names what differs between two sales of one name`() {
        #expect(differences { redis, _ in redis.status.uuid = "x" } == [.uuid(redis: "x", sqlite: "u")])
        #expect(differences { redis, _ in redis.status.title = "x" } == [.title(redis: "x", sqlite: "t")])
        #expect(differences { redis, _ in redis.status.maxPerBuyer = 5 } == [.maxPerBuyer(redis: 5, sqlite: 2)])
        #expect(differences { _, sqlite in sqlite.record.stockTotal = 11 } == [.stockTotal(redis: 10, sqlite: 11)])
    }

    @Test func `says of the settings only what differs`() {
        func sentence(_ change: (inout RedisSale, inout StoredSale) -> Void) -> String? {
            differences(change).first?.description
        }
        #expect(
            sentence { redis, _ in redis.status.settings.paused = true }
                == "the sale's settings: it is paused in Redis, not paused in SQLite")
        let opening = sentence { redis, sqlite in
            redis.status.settings.opensAt = UnixMilliseconds(0)
            redis.status.settings.closesAt = UnixMilliseconds(60_000)
            sqlite.record.settings.closesAt = UnixMilliseconds(60_000)
        }
        #expect(opening == "the sale's settings: it opens at 1970-01-01T00:00:00.000Z in Redis, - in SQLite")
        let room = WaitingRoom(schedule: AdmissionSchedule("0 0 50")!, turnWindowMilliseconds: 60_000)
        let admission = sentence { redis, _ in redis.status.settings.waitingRoom = room }
        #expect(
            admission == "the sale's settings: its admission is 0 0 50 in Redis, - in SQLite; "
                + "a turn lasts 60000 ms in Redis, - in SQLite")
    }

    @Test func `names numbers that the orders don't bear out`() {
        #expect(differences { redis, _ in redis.status.remaining = 8 } == [.unitsLeft(redis: 8, expected: 7)])
        #expect(differences { redis, _ in redis.status.position = 4 } == [.lastPosition(redis: 4, expected: 3)])
        #expect(differences { _, sqlite in sqlite.sold = 4 } == [.soldSum(kept: 4, counted: 3)])
        let gone = differences { redis, _ in (redis.status.remaining, redis.status.position) = (-1, -1) }
        #expect(
            gone.map(\.description) == [
                "the sale's stock is gone from Redis; the orders leave 7",
                "the sale's position is gone from Redis; the orders' last is 3",
            ])
    }

    @Test func `names orders that one of them lacks, or has with other content`() {
        #expect(differences { redis, _ in redis.wins[2] = nil } == [.orderNotInRedis(position: 2)])
        #expect(differences { redis, _ in redis.status.hasStream = false } == [.noStream])
        #expect(differences { redis, _ in redis.status.hasBuyers = false } == [.noBuyers])
        #expect(differences { redis, _ in redis.unreadableBuyers = ["b"] } == [.unreadableBuyer("b")])
        let traced = differences { _, sqlite in sqlite.orders[0].trace = String(repeating: "a", count: 32) }
        #expect(traced == [], "Redis does not keep traces")
        let altered = differences { redis, _ in redis.wins[1]?.buyer = "x" }
        #expect(altered == [.content(position: 1, redis: TestStores.order(1, buyer: "x"), sqlite: TestStores.order(1))])
        let gap = differences { redis, sqlite in
            redis.wins[2] = nil
            sqlite.orders.remove(at: 1)
            sqlite.sold = 2
        }
        #expect(gap == [.gap(from: 2, through: 2), .unitsLeft(redis: 7, expected: 8)])
    }

    @Test func `a position far off is a gap, not an endless search`() {
        let found = differences { _, sqlite in
            sqlite.orders[2].id = OrderID(sale: sale, position: 1_000_000_000_000)
        }
        #expect(found.contains(.gap(from: 4, through: 999_999_999_999)))
    }

    @Test func `names a sale that only one of them has`() {
        var (redis, sqlite) = stores()
        #expect(Comparison(sale, redis: nil, sqlite: sqlite).differences == [.notInRedis])
        #expect(Comparison(sale, redis: redis, sqlite: nil).differences == [.notInSQLite])
        // An archived sale is in SQLite alone.
        sqlite.archivedAt = UnixMilliseconds(1)
        let archived = Comparison(sale, redis: nil, sqlite: sqlite)
        #expect(archived.isEqual)
        #expect(archived.orders == 3)
        redis.status.title = "x"
        #expect(!Comparison(sale, redis: redis, sqlite: sqlite).isEqual)
    }
}
