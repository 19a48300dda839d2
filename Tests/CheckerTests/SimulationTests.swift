import Checker
import OrderStore
import Shared
import TestSupport
import Testing

/// A sale that keeps every promise, whatever happens to its answers: they are late, lost, or say "come back", buyers
/// press again with the same key or another one, join a waiting room that turns them away once it is over, units come
/// back, and the sale may be closed.
private struct Simulation {
    private enum Event {
        /// A buyer presses with one of its keys.
        case press(buyer: Int, key: Int)
        /// The sale decides on an attempt; nobody learns of it unless it is `told`.
        case decide(buyer: Int, key: Int, invoked: Int, told: Bool)
        case join(buyer: Int, key: Int)
        /// A join arrives, and is answered.
        case admit(buyer: Int, key: Int, invoked: Int)
        case restock
        case close
    }

    private static let sale = SaleID("demo")!
    /// Nobody presses any more.
    private static let end = 400

    private var random: SeededRandom
    private var now = 0
    private var events: [(at: Int, what: Event)] = []
    private var left: Int
    private let maxPerBuyer: Int
    private var orders: [Order] = []
    private var restocked = 0
    private var closedAt: Int?
    private var total: Int
    private(set) var attempts: [Attempt] = []

    init(_ random: inout SeededRandom) {
        self.random = random
        defer { random = self.random }
        left = Int.random(in: 1...5, using: &self.random)
        total = left
        maxPerBuyer = Int.random(in: 1...2, using: &self.random)
        for buyer in 1...number(2...8) {
            for key in 1...number(1...2) {
                schedule(.press(buyer: buyer, key: key), within: 60)
                if number(0...1) == 0 { schedule(.join(buyer: buyer, key: key), within: 120) }
            }
        }
        if number(0...2) == 0 { schedule(.restock, within: 100) }
        if number(0...3) == 0 { schedule(.close, within: 100) }
        while let next = events.indices.min(by: { events[$0].at < events[$1].at }) {
            let event = events.remove(at: next)
            now = event.at
            take(event.what)
        }
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func schedule(_ event: Event, within: Int) {
        events.append((now + number(1...within), event))
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .press(let buyer, let key): if now < Self.end { press(buyer, key) }
        case .decide(let buyer, let key, let invoked, let told):
            let (status, problem, position) = decide(buyer, key)
            if told { log(buyer, key, invoked, within: 10, status, problem, position, again: 5) }
        case .join(let buyer, let key): schedule(.admit(buyer: buyer, key: key, invoked: now), within: 15)
        case .admit(let buyer, let key, let invoked):
            let problem = closedAt != nil ? "sale-ended" : left == 0 ? "sold-out" : nil
            attempts.append(
                Attempt(
                    line: attempts.count + 1, isJoin: true, invoked: invoked, responded: now + number(1...10),
                    buyer: "b\(buyer)", key: "k\(key)", status: problem == nil ? 201 : 409, problem: problem,
                    position: problem == nil ? number(1...9) : nil))
        case .restock:
            restocked = number(1...2)
            left += restocked
            total += restocked
        case .close: closedAt = now
        }
    }

    private mutating func press(_ buyer: Int, _ key: Int) {
        let arrives = Event.decide(buyer: buyer, key: key, invoked: now, told: false)
        switch number(0...9) {
        case 0: log(buyer, key, now, within: 5, 503, "unavailable", nil, again: 1)
        case 1:
            // It may arrive long after the buyer has pressed again.
            if number(0...3) > 0 { schedule(arrives, within: 60) }
            log(buyer, key, now, within: nil, 0, nil, nil, again: 1)
        case 2:
            if number(0...3) > 0 { schedule(arrives, within: 60) }
            log(buyer, key, now, within: 20, 202, nil, nil, again: 1)
        default: schedule(.decide(buyer: buyer, key: key, invoked: now, told: true), within: 15)
        }
    }

    /// As purchase.lua does.
    private mutating func decide(_ buyer: Int, _ key: Int) -> (status: Int, problem: String?, position: Int?) {
        let mine = orders.filter { $0.buyer == "b\(buyer)" }
        if let won = mine.first(where: { $0.key == "k\(key)" }) { return (200, nil, won.id.position) }
        if closedAt != nil { return (409, "sale-ended", nil) }
        if mine.count == maxPerBuyer { return (409, "purchase-limit", nil) }
        if left == 0 { return (409, "sold-out", nil) }
        left -= 1
        let position = orders.count + 1
        orders.append(
            Order(
                id: OrderID(sale: Self.sale, position: position), buyer: "b\(buyer)", quantity: 1, key: "k\(key)",
                trace: "t", securedAt: UnixMilliseconds(now), epoch: 1))
        return (201, nil, position)
    }

    /// Answers an attempt within that time, or never. One of `again` buyers presses again.
    private mutating func log(
        _ buyer: Int, _ key: Int, _ invoked: Int, within: Int?, _ status: Int, _ problem: String?, _ position: Int?,
        again: Int
    ) {
        let responded = within.map { now + number(1...$0) }
        attempts.append(
            Attempt(
                line: attempts.count + 1, invoked: invoked, responded: responded, buyer: "b\(buyer)", key: "k\(key)",
                status: status, problem: problem, position: position))
        guard number(1...again) == 1 else { return }
        events.append(((responded ?? now + 20) + number(1...30), .press(buyer: buyer, key: key)))
    }

    /// What the checker makes of it.
    mutating func violations() -> [Violation] {
        let record = SaleRecord(
            sale: Self.sale, uuid: "u", title: "t", stockTotal: total, maxPerBuyer: maxPerBuyer,
            settings: SaleSettings(opensAt: nil, closesAt: closedAt.map { UnixMilliseconds($0) }, paused: false),
            pseudonymKey: "ab", epoch: 1, createdAt: UnixMilliseconds(0))
        var stored = StoredSale(record: record, sold: orders.count, persistedPosition: orders.count)
        stored.orders = orders
        stored.restocked = restocked
        let rest = RedisRest(remaining: left, pending: 0, differences: [], now: UnixMilliseconds(now))
        return Checker(attempts: attempts.shuffled(using: &random), stored: stored, rest: rest).violations
    }
}

@Suite struct `The checker, over random sales that keep every promise` {
    @Test func `accuses none of them, in whatever order the lines of the log are`() {
        var random = SeededRandom()
        for run in 0..<1000 {
            var simulation = Simulation(&random)
            #expect(simulation.violations() == [], "seed \(random.seed), run \(run): \(simulation.attempts)")
            #expect(Fairness(simulation.attempts).units.isFair, "seed \(random.seed), run \(run)")
        }
    }
}
