import Checker
import OrderStore
import Shared
import TestSupport
import Testing

/// The three histories of a sale of three units to five buyers that kept every promise.
private struct History {
    var attempts: [Attempt]
    var stored: StoredSale
    var rest = RedisRest(remaining: 0, pending: 0, differences: [], now: UnixMilliseconds(10))
    /// The units that the test knows of; nil if SQLite's word counts.
    var stock: Int?

    private static let sale = SaleID("demo")!

    static func attempt(
        _ buyer: Int, at invoked: Int, _ responded: Int?, _ status: Int, _ position: Int? = nil,
        _ problem: String? = nil
    ) -> Attempt {
        Attempt(
            line: invoked, invoked: invoked, responded: responded, buyer: "b\(buyer)", key: "k\(buyer)", status: status,
            problem: problem, position: position)
    }

    /// An attempt to join the waiting room.
    static func join(
        _ buyer: Int, at invoked: Int, _ responded: Int?, _ status: Int, _ problem: String? = nil
    ) -> Attempt {
        var join = attempt(buyer, at: invoked, responded, status, nil, problem)
        join.isJoin = true
        return join
    }

    static func order(_ position: Int, buyer: Int) -> Order {
        Order(
            id: OrderID(sale: sale, position: position), buyer: "b\(buyer)", quantity: 1, key: "k\(buyer)", trace: "t",
            securedAt: UnixMilliseconds(1), epoch: 1)
    }

    /// Buyers 1 and 2 ask together, 3 asks later and gets no answer at first, 4 and 5 come too late.
    static func good() -> History {
        let record = SaleRecord(
            sale: sale, uuid: "u", title: "t", stockTotal: 3, maxPerBuyer: 1,
            settings: SaleSettings(opensAt: nil, closesAt: nil, paused: false), pseudonymKey: "ab", epoch: 1,
            createdAt: UnixMilliseconds(0))
        var stored = StoredSale(record: record, sold: 3, persistedPosition: 3)
        stored.orders = [order(1, buyer: 2), order(2, buyer: 1), order(3, buyer: 3)]
        return History(
            attempts: [
                attempt(1, at: 10, 30, 201, 2), attempt(2, at: 11, 25, 201, 1), attempt(3, at: 40, nil, 0),
                attempt(3, at: 45, 50, 503, nil, "unavailable"), attempt(3, at: 70, 80, 200, 3),
                attempt(4, at: 60, 90, 409, nil, "sold-out"), attempt(5, at: 95, 96, 409, nil, "sold-out"),
                attempt(1, at: 97, 98, 200, 2),
            ], stored: stored)
    }

    func violated() -> Set<Invariant> {
        Set(Checker(attempts: attempts, stored: stored, rest: rest, stock: stock).violations.map(\.invariant))
    }
}

@Suite struct `The checker` {
    private func violated(_ change: (inout History) -> Void) -> Set<Invariant> {
        var history = History.good()
        change(&history)
        return history.violated()
    }

    @Test func `finds nothing in a sale that kept every promise`() {
        #expect(History.good().violated() == [])
    }

    @Test func `sees a unit too many`() {
        let found = violated {
            $0.stored.orders.append(History.order(4, buyer: 4))
            $0.attempts[5] = History.attempt(4, at: 60, 90, 201, 4)
        }
        #expect(found.contains(.neverOversold))
        // Also if its buyer never learns of it.
        let unknown = violated {
            $0.stored.orders.append(History.order(4, buyer: 6))
            $0.attempts.append(History.attempt(6, at: 41, nil, 0))
        }
        #expect(unknown == [.neverOversold, .conservation])
        // Also if SQLite could not store it: Redis has then sold more than it had.
        let rejected = violated {
            $0.stored.rejectedOrders = [.init(position: 4, quantity: 1)]
            $0.attempts.append(History.attempt(6, at: 41, nil, 0))
            $0.rest.remaining = -1
        }
        #expect(rejected == [.neverOversold])
    }

    @Test func `sees a unit that was promised to two buyers, though it is stored once`() {
        let found = violated { $0.attempts[5] = History.attempt(4, at: 60, 90, 201, 3) }
        #expect(found == [.neverOversold, .confirmedIsStored, .sameAnswerForEver])
    }

    @Test func `sees a unit that was never sold although somebody wanted it`() {
        let found = violated {
            $0.stored.orders.removeLast()
            $0.attempts[2...4] = [History.attempt(3, at: 40, 80, 409, nil, "sold-out")]
            $0.rest.remaining = 1
        }
        #expect(found == [.neverUndersold, .soldOutWhenTrue])
    }

    @Test func `sees a confirmed order that is gone`() {
        let found = violated {
            $0.stored.orders.removeLast()
            $0.rest.remaining = 1
        }
        #expect(found.contains(.confirmedIsStored))
    }

    @Test func `sees an order that is stored for somebody else, or at another position`() {
        #expect(violated { $0.stored.orders[0].buyer = "b9" }.contains(.confirmedIsStored))
        #expect(violated { $0.attempts[0].position = 3 }.contains(.confirmedIsStored))
    }

    @Test func `sees a win without a position`() {
        #expect(violated { $0.attempts[0].position = nil } == [.confirmedIsStored])
        // Also if a later answer has it.
        #expect(violated { $0.attempts[7].position = nil } == [.confirmedIsStored])
        let refused = violated {
            $0.attempts[0].position = nil
            $0.attempts[7] = History.attempt(1, at: 97, 98, 409, nil, "sold-out")
        }
        #expect(refused.contains(.sameAnswerForEver))
    }

    @Test func `sees an order that its buyer did not ask for in this way`() {
        // Buyer 3 never learns of its win, so there is no confirmation to compare with.
        func found(_ change: (inout Order) -> Void) -> Set<Invariant> {
            violated {
                $0.attempts.remove(at: 4)
                change(&$0.stored.orders[2])
            }
        }
        #expect(found { _ in } == [])
        #expect(found { $0.buyer = "mallory" } == [.storedWasAsked])
        #expect(found { $0.key = "k9" } == [.storedWasAsked])
        let larger = violated {
            $0.stored.record.stockTotal = 4
            $0.stored.orders[2].quantity = 2
        }
        #expect(larger == [.storedWasAsked])
    }

    @Test func `sees a purchase that is stored twice, and a key that is stored for another buyer, too`() {
        func found(_ buyer: String) -> Set<Invariant> {
            violated {
                $0.stored.record.stockTotal = 4
                $0.stored.record.maxPerBuyer = 2
                $0.stored.orders.append(History.order(4, buyer: 3))
                $0.stored.orders[3].buyer = buyer
            }
        }
        #expect(found("b3") == [.storedWasAsked])
        #expect(found("mallory") == [.storedWasAsked])
    }

    @Test func `tells two buyers apart who use the same key`() {
        let found = violated {
            for index in $0.attempts.indices { $0.attempts[index].key = "k" }
            for index in $0.stored.orders.indices { $0.stored.orders[index].key = "k" }
        }
        #expect(found == [])
    }

    @Test func `sees a buyer with more units than it may have`() {
        // Buyer 1 has a second key, in place of buyer 3.
        func found(maxPerBuyer: Int) -> Set<Invariant> {
            violated {
                $0.stored.record.maxPerBuyer = maxPerBuyer
                for index in 2...4 { $0.attempts[index].buyer = "b1" }
                $0.stored.orders[2].buyer = "b1"
            }
        }
        #expect(found(maxPerBuyer: 2) == [])
        #expect(found(maxPerBuyer: 1) == [.limitPerBuyer])
        // One of them is confirmed, and not stored.
        let promised = violated { $0.attempts[7] = History.attempt(1, at: 97, 98, 201, 4) }
        #expect(promised.contains(.limitPerBuyer))
    }

    @Test func `does not trust SQLite about the stock if it is given`() {
        // Both stores say that there were twice as many.
        func found(_ stock: Int?) -> Set<Invariant> {
            violated {
                $0.stored.record.stockTotal = 6
                $0.stored.orders.append(History.order(4, buyer: 4))
                $0.stored.orders.append(History.order(5, buyer: 5))
                $0.stored.orders.append(History.order(6, buyer: 6))
                $0.attempts[5] = History.attempt(4, at: 60, 90, 201, 4)
                $0.attempts[6] = History.attempt(5, at: 95, 96, 201, 5)
                $0.attempts.append(History.attempt(6, at: 97, 98, 201, 6))
                $0.stock = stock
            }
        }
        #expect(found(nil) == [])
        #expect(found(6) == [])
        #expect(found(3).contains(.neverOversold))
        let unsold = violated {
            $0.stored.record.stockTotal = 6
            $0.rest.remaining = 3
            $0.attempts.removeSubrange(5...6)
            $0.stock = 3
        }
        #expect(unsold == [.conservation])
    }

    @Test func `sees an order of a buyer who was refused`() {
        let found = violated { $0.attempts[2...4] = [History.attempt(3, at: 40, 50, 503, nil, "unavailable")] }
        #expect(found.contains(.storedWasAsked))
    }

    @Test func `sees an answer that changes`() {
        #expect(violated { $0.attempts[7].position = 1 }.contains(.sameAnswerForEver))
        #expect(violated { $0.attempts[7].position = 9 }.contains(.sameAnswerForEver))
        let refused = violated { $0.attempts[7] = History.attempt(1, at: 97, 98, 409, nil, "sold-out") }
        #expect(refused == [.sameAnswerForEver])
        #expect(violated { $0.attempts[7] = History.attempt(9, at: 97, 98, 201, 2) }.contains(.sameAnswerForEver))
        // It wins once more, and gets the same position.
        let again = violated { $0.attempts[7] = History.attempt(3, at: 97, 98, 201, 3) }
        #expect(again == [.sameAnswerForEver, .firstComeFirstServed, .soldOutWhenTrue])
        for status in [204, 301, 501] {
            #expect(violated { $0.attempts[7] = History.attempt(1, at: 97, 98, status) }.contains(.sameAnswerForEver))
        }
        // Nothing was decided.
        for (status, problem) in [(429, "rate-limited"), (503, "unavailable"), (202, nil)] {
            #expect(violated { $0.attempts[7] = History.attempt(1, at: 97, 98, status, nil, problem) } == [])
        }
        // It was decided before the win, and came after it.
        #expect(violated { $0.attempts[7] = History.attempt(1, at: 5, 40, 409, nil, "sale-paused") } == [])
    }

    @Test func `sees a later buyer before an earlier one`() {
        // Buyer 2 asked after buyer 1 had its answer, and got the lower position.
        let found = violated { $0.attempts[1] = History.attempt(2, at: 31, 35, 201, 1) }
        #expect(found == [.firstComeFirstServed])
    }

    @Test(arguments: [(503, "unavailable"), (429, "rate-limited"), (409, "sale-not-open")])
    func `does not take a refused attempt for the one that won`(_ status: Int, _ problem: String) {
        let found = violated {
            $0.attempts[1] = History.attempt(2, at: 31, 35, 201, 1)
            $0.attempts.append(History.attempt(2, at: 5, 6, status, nil, problem))
        }
        #expect(found == [.firstComeFirstServed])
    }

    @Test(arguments: [nil, (6, 202), (6, 500), (6, 502), (6, 504)] as [(Int, Int)?])
    func `takes an attempt with an unknown outcome for the one that won, unless a later one says that it won itself`(
        _ answer: (Int, Int)?
    ) {
        func found(_ status: Int) -> Set<Invariant> {
            violated {
                $0.attempts[1] = History.attempt(2, at: 31, 35, status, 1)
                $0.attempts.append(History.attempt(2, at: 5, answer?.0, answer?.1 ?? 0))
                // A later refusal proves nothing about it: it may still have been on its way.
                $0.attempts.append(History.attempt(2, at: 7, 8, 409, nil, "sale-not-open"))
            }
        }
        #expect(found(200) == [])
        #expect(found(201) == [.firstComeFirstServed])
    }

    @Test func `checks the position of a buyer who never learnt of its win`() {
        // Buyer 3's answer was lost permanently; its stored position must still be in order.
        let fine = violated { $0.attempts.remove(at: 4) }
        #expect(fine == [])
        let found = violated {
            $0.attempts.remove(at: 4)
            $0.stored.orders = [History.order(1, buyer: 3), History.order(2, buyer: 2), History.order(3, buyer: 1)]
            $0.attempts[0].position = 3
            $0.attempts[1].position = 2
            $0.attempts[6].position = 3
        }
        #expect(found == [.firstComeFirstServed])
    }

    @Test func `sees a sold out that came before the last unit was asked for`() {
        let found = violated { $0.attempts[5] = History.attempt(4, at: 20, 35, 409, nil, "sold-out") }
        #expect(found == [.soldOutWhenTrue])
    }

    @Test func `sees a unit that went to a buyer who was answered sold out`() {
        let found = violated {
            $0.attempts[2...4] = [
                History.attempt(3, at: 40, 50, 409, nil, "sold-out"), History.attempt(3, at: 70, 80, 201, 3),
            ]
        }
        #expect(found == [.soldOutWhenTrue])
        let late = violated {
            $0.attempts[3] = History.attempt(3, at: 45, 50, 409, nil, "sold-out")
        }
        #expect(late == [.soldOutWhenTrue])
        // Also if the log has a later one, in whatever line.
        for index in [0, 8] {
            let repeated = violated {
                $0.attempts[3] = History.attempt(3, at: 45, 50, 409, nil, "sold-out")
                $0.attempts.insert(History.attempt(3, at: 97, 98, 409, nil, "sold-out"), at: index)
            }
            #expect(repeated == [.sameAnswerForEver, .soldOutWhenTrue])
        }
    }

    @Test func `accepts as many wins after sold out as units came back`() {
        func found(restocked: Int, released: Int, isReleased: Bool = true) -> Set<Invariant> {
            violated {
                // Buyer 3 is answered "sold out" and presses again; buyer 6 comes even later.
                $0.attempts[2...4] = [
                    History.attempt(3, at: 40, 50, 409, nil, "sold-out"), History.attempt(3, at: 70, 80, 201, 3),
                ]
                $0.attempts.append(History.attempt(6, at: 85, 86, 201, 4))
                $0.stored.record.stockTotal = 4
                $0.stored.orders.append(History.order(4, buyer: 6))
                $0.stored.restocked = restocked
                if released > 0 {
                    $0.stored.losses = [.init(positions: 5...5, units: released, isReleased: isReleased)]
                }
            }
        }
        #expect(found(restocked: 1, released: 1) == [])
        #expect(found(restocked: 2, released: 0) == [])
        #expect(found(restocked: 1, released: 0) == [.soldOutWhenTrue])
        // Nobody comes for the unit that came back.
        let left = violated {
            $0.stored.record.stockTotal = 4
            $0.stored.restocked = 1
            $0.rest.remaining = 1
        }
        #expect(left == [])
        #expect(found(restocked: 0, released: 1) == [.soldOutWhenTrue])
        #expect(found(restocked: 1, released: 1, isReleased: false).contains(.soldOutWhenTrue))
    }

    @Test func `sees a refusal without a reason, or for a wrong one`() {
        func found(_ status: Int, _ problem: String?) -> Set<Invariant> {
            violated { $0.attempts[6] = History.attempt(5, at: 95, 96, status, nil, problem) }
        }
        #expect(found(404, "not-found") == [.refusedWhenTrue])
        #expect(found(404, nil) == [.refusedWhenTrue])
        #expect(found(401, "unauthorized") == [.refusedWhenTrue])
        #expect(found(409, "insufficient-stock") == [.refusedWhenTrue])
        #expect(found(409, "sale-ended") == [.refusedWhenTrue])
        #expect(found(409, "purchase-limit") == [.refusedWhenTrue])
        // No purchase is ever answered so.
        for status in [204, 301, 304, 501, 505] { #expect(found(status, nil) == [.refusedWhenTrue]) }
        // These ask the buyer to come back.
        for problem in [
            "sale-not-open", "sale-paused", "turn-not-yet", "turn-missed", "ticket-required", "ticket-outdated",
        ] {
            #expect(found(409, problem) == [])
        }
        #expect(found(429, "rate-limited") == [])
    }

    @Test func `sees a buyer who was turned away from the waiting room for a wrong reason`() {
        // Buyers 4 and 5, who came too late, have not pressed.
        func found(
            _ status: Int, _ problem: String?, buyer: Int = 4, at invoked: Int = 95, _ responded: Int? = 96,
            closesAt: Int? = nil
        ) -> Set<Invariant> {
            violated {
                $0.stored.record.settings.closesAt = closesAt.map { UnixMilliseconds($0) }
                $0.attempts.removeSubrange(5...6)
                $0.attempts.append(History.join(buyer, at: invoked, responded, status, problem))
            }
        }
        #expect(found(409, "sold-out") == [])
        #expect(found(409, "sold-out", at: 20, 35) == [.soldOutWhenTrue])
        #expect(found(409, "sale-ended", closesAt: 10) == [])
        #expect(found(409, "sale-ended", closesAt: 11) == [.refusedWhenTrue])
        // Buyer 3 asks only then, and gets a unit.
        #expect(found(409, "sale-ended", at: 31, 39, closesAt: 10) == [.refusedWhenTrue])
        #expect(found(404, "not-found") == [.refusedWhenTrue])
        // There is none, and the load client's user thinks that there is.
        #expect(found(409, "no-waiting-room") == [])
        let room = violated {
            $0.stored.record.settings.waitingRoom = WaitingRoom(
                schedule: AdmissionSchedule("0 0 50")!, turnWindowMilliseconds: 60_000)
            $0.attempts.removeSubrange(5...6)
            $0.attempts.append(History.join(4, at: 95, 96, 409, "no-waiting-room"))
        }
        #expect(room == [.refusedWhenTrue])
        // A winner who joins again is told no more than others.
        #expect(found(409, "sold-out", buyer: 1) == [])
        #expect(found(409, "sale-ended", buyer: 1, closesAt: 10) == [])
        // They are to come back, or have a ticket.
        for status in [202, 429, 503] { #expect(found(status, nil) == []) }
        #expect(found(0, nil, nil) == [])
        let joined = violated {
            $0.attempts.append(History.join(4, at: 5, 6, 201))
            $0.attempts[8].position = 9
        }
        #expect(joined == [])
    }

    @Test(arguments: ["sold-out", "sale-ended", "not-found"])
    func `sees a unit that was never sold to a buyer who was turned away from the waiting room`(_ problem: String) {
        let found = violated {
            $0.stored.orders.removeLast()
            $0.attempts[2...6] = [History.join(3, at: 40, 80, 409, problem)]
            $0.rest.remaining = 1
        }
        #expect(found == [.neverUndersold, problem == "sold-out" ? .soldOutWhenTrue : .refusedWhenTrue])
    }

    @Test func `accepts "ended" of a sale that has an end`() {
        let found = violated {
            $0.stored.record.settings.closesAt = UnixMilliseconds(2)
            $0.attempts[6] = History.attempt(5, at: 95, 96, 409, nil, "sale-ended")
        }
        #expect(found == [])
        // It was closed while a unit was left.
        let closed = violated {
            $0.stored.record.settings.closesAt = UnixMilliseconds(2)
            $0.stored.orders.removeLast()
            $0.attempts[2...6] = [
                History.attempt(3, at: 40, 50, 409, nil, "sale-ended"),
                History.attempt(4, at: 60, 90, 409, nil, "sale-ended"),
                History.attempt(5, at: 95, 96, 409, nil, "sale-ended"),
            ]
            $0.rest.remaining = 1
        }
        #expect(closed == [])
    }

    @Test func `sees an "ended" of a sale whose end has not come, or that sells on`() {
        func found(closesAt: Int, _ change: (inout History) -> Void) -> Set<Invariant> {
            violated {
                $0.stored.record.settings.closesAt = UnixMilliseconds(closesAt)
                change(&$0)
            }
        }
        // Everybody but the first two is told so, and a unit is left.
        let early: (inout History) -> Void = {
            $0.stored.orders.removeLast()
            $0.attempts[2...6] = [
                History.attempt(3, at: 40, 50, 409, nil, "sale-ended"),
                History.attempt(4, at: 60, 90, 409, nil, "sale-ended"),
            ]
            $0.rest.remaining = 1
        }
        #expect(found(closesAt: 10, early) == [])
        #expect(found(closesAt: 11, early) == [.neverUndersold, .refusedWhenTrue])
        // Buyer 5 is told so, and buyer 3, who asks only then, gets a unit.
        let open: (inout History) -> Void = {
            $0.attempts[6] = History.attempt(5, at: 31, 39, 409, nil, "sale-ended")
        }
        #expect(found(closesAt: 10, open) == [.refusedWhenTrue])
        // They were under way at once.
        let together = found(closesAt: 10) {
            open(&$0)
            $0.attempts[6].responded = 41
        }
        #expect(together == [])
    }

    @Test(arguments: ["sale-ended", "purchase-limit"])
    func `sees a buyer who was refused, and has the unit`(_ problem: String) {
        // Buyer 3 has won by the attempt that got no answer. It presses again with that key, and is refused.
        let found = violated {
            $0.stored.record.settings.closesAt = UnixMilliseconds(2)
            $0.attempts[4] = History.attempt(3, at: 70, 80, 409, nil, problem)
            // The answer to another key of the same buyer is not known either.
            $0.attempts.append(History.attempt(3, at: 41, nil, 0))
            $0.attempts[8].key = "second"
        }
        #expect(found == [.refusedWhenTrue])
    }

    @Test func `accepts "limit" of a buyer who had won, or may have`() {
        // Buyer 3 presses with a second key.
        func found(at invoked: Int, maxPerBuyer: Int = 1) -> Set<Invariant> {
            violated {
                $0.stored.record.maxPerBuyer = maxPerBuyer
                $0.attempts.append(History.attempt(3, at: invoked, invoked + 5, 409, nil, "purchase-limit"))
                $0.attempts[8].key = "second"
            }
        }
        // The lost attempt, sent at 40, may have won.
        #expect(found(at: 50) == [])
        #expect(found(at: 30) == [.refusedWhenTrue])
        #expect(found(at: 50, maxPerBuyer: 2) == [.refusedWhenTrue])
        // Buyer 6 never learnt what became of its first key: nothing, unless it is the unit that was lost.
        func unlucky(_ change: (inout History) -> Void) -> Set<Invariant> {
            violated {
                $0.attempts.append(History.attempt(6, at: 41, nil, 0))
                $0.attempts.append(History.attempt(6, at: 50, 55, 409, nil, "purchase-limit"))
                $0.attempts[9].key = "second"
                change(&$0)
            }
        }
        #expect(unlucky { _ in } == [.refusedWhenTrue])
        for isReleased in [false, true] {
            let lost = unlucky {
                $0.stored.record.stockTotal = 4
                $0.stored.losses = [.init(positions: 4...4, units: 1, isReleased: isReleased)]
                $0.rest.remaining = isReleased ? 1 : 0
            }
            #expect(lost == [])
        }
        let rejected = unlucky {
            $0.stored.record.stockTotal = 4
            $0.stored.rejectedOrders = [.init(position: 4, quantity: 1)]
        }
        #expect(rejected == [])
        // Buyer 6 has one key. Whatever became of its first attempt does not count against it.
        for isLost in [false, true] {
            let sameKey = violated {
                $0.attempts.append(History.attempt(6, at: 41, nil, 0))
                $0.attempts.append(History.attempt(6, at: 50, 55, 409, nil, "purchase-limit"))
                guard isLost else { return }
                $0.stored.record.stockTotal = 4
                $0.stored.losses = [.init(positions: 4...4, units: 1, isReleased: false)]
            }
            #expect(sameKey == [.refusedWhenTrue])
        }
    }

    @Test(arguments: [(404, "not-found"), (401, "unauthorized"), (409, "sale-ended"), (409, "purchase-limit")])
    func `sees a unit that was never sold, whatever a buyer was refused for`(_ status: Int, _ problem: String) {
        let found = violated {
            $0.stored.orders.removeLast()
            $0.attempts[2...4] = [History.attempt(3, at: 40, 80, status, nil, problem)]
            // Nobody is told that it is sold out.
            $0.attempts.removeSubrange(3...4)
            $0.rest.remaining = 1
        }
        #expect(found == [.neverUndersold, .refusedWhenTrue])
    }

    @Test func `lets a unit be left while a buyer has no final answer, or if buyers may not have more`() {
        func found(_ change: (inout History) -> Void) -> Set<Invariant> {
            violated {
                $0.stored.orders.removeLast()
                $0.attempts.removeSubrange(2...6)
                $0.rest.remaining = 1
                change(&$0)
            }
        }
        for (status, problem) in [(503, "unavailable"), (429, "rate-limited"), (409, "turn-missed")] {
            #expect(found { $0.attempts.append(History.attempt(3, at: 40, 80, status, nil, problem)) } == [])
        }
        let limited = found {
            $0.attempts.append(History.attempt(1, at: 40, 80, 409, nil, "purchase-limit"))
            $0.attempts[3].key = "second"
        }
        #expect(limited == [])
        // One of four has no final answer.
        let refused = found {
            $0.attempts.append(History.attempt(3, at: 40, 80, 404, nil, "not-found"))
            $0.attempts.append(History.attempt(4, at: 40, nil, 0))
        }
        #expect(refused == [.refusedWhenTrue])
    }

    @Test func `sees a withheld unit, or a dead letter, that no buyer can have been told of`() {
        func found(_ change: (inout History) -> Void) -> Set<Invariant> {
            violated {
                $0.stored.record.stockTotal = 4
                change(&$0)
            }
        }
        let withheld: (inout History) -> Void = {
            $0.stored.losses = [.init(positions: 4...4, units: 1, isReleased: false)]
        }
        let rejected: (inout History) -> Void = { $0.stored.rejectedOrders = [.init(position: 4, quantity: 1)] }
        for hold in [withheld, rejected] {
            #expect(found(hold) == [.neverUndersold])
            // Buyer 6 never got an answer.
            let unknown = found {
                hold(&$0)
                $0.attempts.append(History.attempt(6, at: 41, nil, 0))
            }
            #expect(unknown == [])
            // It lost its answer, was asked to come back, and found that all is sold.
            let refused = found {
                hold(&$0)
                $0.attempts.append(History.attempt(6, at: 41, 42, 202))
                $0.attempts.append(History.attempt(6, at: 95, 96, 409, nil, "sold-out"))
            }
            #expect(refused == [])
            // Buyer 3 lost an answer, and won later: the lost one may have been another win.
            let again = found {
                hold(&$0)
                $0.attempts[4].status = 201
            }
            #expect(again == [])
            // Buyer 6 was told that it has won: a promise is broken, but no unit is unsold.
            let told = found {
                hold(&$0)
                $0.attempts.append(History.attempt(6, at: 41, 42, 201, 4))
            }
            #expect(told == [.confirmedIsStored])
        }
    }

    @Test func `sees a gap that nothing accounts for`() {
        func gap(_ history: inout History, before position: Int) {
            history.stored.orders[2].id = OrderID(sale: SaleID("demo")!, position: position)
            history.attempts[4].position = position
        }
        #expect(violated { gap(&$0, before: 5) } == [.noGaps])
        for last in [4, 1_000_000_000] {
            let recorded = violated {
                gap(&$0, before: last + 1)
                $0.stored.losses = [.init(positions: 3...last, units: 0, isReleased: false)]
            }
            #expect(recorded == [])
        }
        // The first two have come back.
        let returned = violated {
            gap(&$0, before: 4)
            $0.stored.losses = [.init(positions: 1...3, units: 0, isReleased: false)]
        }
        #expect(returned == [])
        let rejected = violated {
            gap(&$0, before: 5)
            // What they ask for can't be read.
            $0.stored.rejectedOrders = [.init(position: 3, quantity: 0), .init(position: 4, quantity: 0)]
        }
        #expect(rejected == [])
    }

    @Test func `sees units that are gone from Redis and sold to nobody`() {
        #expect(violated { $0.rest.remaining = 1 } == [.conservation])
        #expect(violated { $0.stored.record.stockTotal = 4 }.contains(.conservation))
    }

    @Test func `sees what waits between the stores, and where they differ`() {
        #expect(violated { $0.rest.pending = 1 } == [.nothingPending])
        #expect(violated { $0.rest.differences = ["position 1 is …"] } == [.nothingPending])
    }

    @Test func `measures the slowest answer, and the longest time without a decision`() {
        let times = AnswerTimes(History.good().attempts)
        // Buyer 4 waited from 60 to 90. Between 30 and 80 nobody got a decision, because a 503 is not one.
        #expect(times.slowestAnswer == 30)
        #expect(times.longestSilence == 50)
        #expect(AnswerTimes([]).longestSilence == 0)
        // Nobody got one before 300, and after 310 nobody either, until the last answer at 900.
        let silent = AnswerTimes([
            History.attempt(1, at: 0, 5, 503, nil, "unavailable"), History.attempt(1, at: 290, 300, 201, 1),
            History.attempt(2, at: 305, 310, 409, nil, "sold-out"), History.attempt(3, at: 320, nil, 0),
            History.attempt(3, at: 890, 900, 503, nil, "unavailable"),
        ])
        #expect(silent.longestSilence == 590)
    }

    @Test func `knows whether a run has met its fault`() {
        let attempts = History.good().attempts
        #expect(Fault.lost.isMet(in: attempts))
        #expect(Fault.unavailable.isMet(in: attempts))
        #expect(Fault.replayed.isMet(in: attempts))
        #expect(!Fault.pending.isMet(in: attempts))
        #expect(!Fault.slow.isMet(in: attempts))
        #expect(Fault.slow.isMet(in: [History.attempt(1, at: 0, 100_000_000, 201, 1)]))
    }
}
