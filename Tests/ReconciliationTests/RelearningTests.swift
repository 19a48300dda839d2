import OrderStore
import Reconciliation
import Shared
import Testing

@Suite struct `What an older database relearns` {
    /// Both stores have three orders, and then SQLite forgets the last two.
    private func older(_ change: (inout RedisSale, inout StoredSale) -> Void = { _, _ in }) -> Relearning {
        var (redis, sqlite) = TestStores.equal()
        sqlite.orders.removeLast(2)
        sqlite.sold = 1
        change(&redis, &sqlite)
        return Relearning(redis: redis, sqlite: sqlite)
    }

    @Test func `are the orders that buyers have on Redis, without those that the worker will still store`() {
        #expect(older().orders.map(\.id.position) == [2, 3])
        #expect(older().losses.isEmpty)
        let behind = older { redis, _ in
            redis.wins[4] = TestStores.order(4)
            redis.status.position = 4
            redis.status.remaining = 6
        }
        #expect(behind.orders.map(\.id.position) == [2, 3])
    }

    @Test func `is a loss if nobody has the position, with the units that are not on sale`() {
        let lost = older { redis, _ in redis.wins[2] = nil }
        #expect(lost.orders.map(\.id.position) == [3])
        #expect(lost.losses == [.init(positions: 2...2, units: 1, isReleased: false)])
        let released = older { redis, _ in
            redis.wins[2] = nil
            redis.status.remaining = 8
        }
        #expect(released.losses == [.init(positions: 2...2, units: 0, isReleased: false)])
        let restocked = older { redis, _ in
            redis.wins[2] = nil
            redis.backlog = [.restock(units: 5, at: UnixMilliseconds(1000))]
            redis.status.remaining = 12
        }
        #expect(restocked.losses == [.init(positions: 2...2, units: 1, isReleased: false)])
        // On sale are units that SQLite does not know.
        let unknown = older { redis, _ in
            redis.wins[2] = nil
            redis.status.remaining = 9
        }
        #expect(unknown.losses == [.init(positions: 2...2, units: 0, isReleased: false)])
    }

    @Test func `is a loss of what its positions may have had, and no more, if Redis lacks its stock`() {
        let lost = older { redis, _ in
            redis.wins[2] = nil
            redis.status.remaining = -1
        }
        #expect(lost.losses == [.init(positions: 2...2, units: 2, isReleased: false)])
        let scarce = older { redis, sqlite in
            redis.wins[2] = nil
            redis.status.remaining = -1
            (redis.status.stockTotal, sqlite.record.stockTotal) = (3, 3)
        }
        #expect(scarce.losses.map(\.units) == [1])
    }

    @Test func `does not withhold the units of a dead letter whose quantity only Redis has`() {
        let lost = older { redis, sqlite in
            sqlite.rejectedOrders = [.init(position: 2, quantity: 0)]
            redis.wins[2] = TestStores.order(2, quantity: 2)
            redis.wins[3] = nil
            redis.status.remaining = 6
        }
        #expect(lost.orders.isEmpty)
        #expect(lost.losses == [.init(positions: 3...3, units: 1, isReleased: false)])
    }

    @Test func `does not withhold the units of an earlier loss that a buyer has again`() {
        let lost = older { redis, sqlite in
            sqlite.losses = [.init(positions: 2...2, units: 1, isReleased: false)]
            redis.wins[3] = nil
        }
        #expect(lost.orders.map(\.id.position) == [2])
        #expect(lost.losses == [.init(positions: 3...3, units: 1, isReleased: false)])
        let both = older { redis, sqlite in
            sqlite.losses = [.init(positions: 2...2, units: 1, isReleased: false)]
            redis.wins[2] = nil
            redis.wins[3] = nil
        }
        #expect(both.losses == [.init(positions: 3...3, units: 1, isReleased: false)])
    }

    @Test func `is a loss up to the last position that was accounted for`() {
        let lost = older { redis, _ in
            redis.wins[2] = nil
            redis.wins[3] = nil
            redis.wins[6] = TestStores.order(6)
            redis.status.position = 6
            redis.status.remaining = 6
        }
        #expect(lost.losses == [.init(positions: 2...3, units: 2, isReleased: false)])
    }

    @Test func `is nothing that it already has as a dead letter or a loss`() {
        let known = older { redis, sqlite in
            redis.wins[2] = nil
            redis.wins[3] = nil
            sqlite.rejectedOrders = [.init(position: 2, quantity: 1)]
            sqlite.losses = [.init(positions: 3...3, units: 1, isReleased: false)]
        }
        #expect(known.orders.isEmpty)
        #expect(known.losses.isEmpty)
    }

    @Test func `is what lies between losses of any length`() {
        let lost = older { redis, sqlite in
            redis.wins[2] = nil
            sqlite.losses = [.init(positions: 4...1_000_000_000, units: 0, isReleased: false)]
            redis.status.persistedPosition = 1_000_000_001
        }
        #expect(lost.orders.map(\.id.position) == [3])
        #expect(lost.losses.map(\.positions) == [2...2, 1_000_000_001...1_000_000_001])
        let within = older { redis, sqlite in
            sqlite.losses = [.init(positions: 4...1_000_000_000, units: 0, isReleased: false)]
            redis.status.persistedPosition = 5
        }
        #expect(within.losses.isEmpty)
        // An order of a loss has come back.
        let returned = older { redis, sqlite in
            sqlite.losses = [.init(positions: 2...5, units: 0, isReleased: false)]
            redis.status.persistedPosition = 5
        }
        #expect(returned.losses.isEmpty)
    }
}
