import Checker
import OrderStore
import Shared
import TestSupport
import Testing

/// The three histories of a sale of three units to five buyers that kept every promise.
private struct History {
    var attempts: [Attempt]
    var stored: StoredSale
    var rest = RedisRest(remaining: 0, pending: 0, differences: [])

    private static let sale = SaleID("demo")!

    static func attempt(
        _ buyer: Int, at invoked: Int, _ responded: Int?, _ status: Int, _ position: Int? = nil,
        _ problem: String? = nil
    ) -> Attempt {
        Attempt(
            line: invoked, invoked: invoked, responded: responded, buyer: "b\(buyer)", key: "k\(buyer)", status: status,
            problem: problem, position: position)
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
        Set(Checker(attempts: attempts, stored: stored, rest: rest).violations.map(\.invariant))
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

    @Test func `sees an order of a buyer who was refused`() {
        let found = violated { $0.attempts[2...4] = [History.attempt(3, at: 40, 50, 503, nil, "unavailable")] }
        #expect(found.contains(.storedWasAsked))
    }

    @Test func `sees an answer that changes`() {
        #expect(violated { $0.attempts[7].position = 1 }.contains(.sameAnswerForEver))
        let refused = violated { $0.attempts[7] = History.attempt(1, at: 97, 98, 409, nil, "sold-out") }
        #expect(refused == [.sameAnswerForEver])
        #expect(violated { $0.attempts[7] = History.attempt(9, at: 97, 98, 201, 2) }.contains(.sameAnswerForEver))
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

    @Test(arguments: [nil, (6, 202), (6, 504)] as [(Int, Int)?])
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
    }

    @Test func `accepts a win after sold out if units were released`() {
        let found = violated {
            $0.attempts[2...4] = [
                History.attempt(3, at: 40, 50, 409, nil, "sold-out"), History.attempt(3, at: 70, 80, 201, 3),
            ]
            $0.stored.losses = [.init(positions: 4...4, units: 1, isReleased: true)]
        }
        #expect(found == [])
    }

    @Test func `sees a gap that nothing accounts for`() {
        let gap: (inout History) -> Void = {
            $0.stored.orders[2].id = OrderID(sale: SaleID("demo")!, position: 5)
            $0.attempts[4].position = 5
        }
        #expect(violated(gap) == [.noGaps])
        let recorded = violated {
            gap(&$0)
            $0.stored.losses = [.init(positions: 3...4, units: 0, isReleased: false)]
        }
        #expect(recorded == [])
    }

    @Test func `sees units that are gone from Redis and sold to nobody`() {
        #expect(violated { $0.rest.remaining = 1 } == [.conservation])
        #expect(violated { $0.stored.record.stockTotal = 4 }.contains(.conservation))
        let withheld = violated {
            $0.stored.record.stockTotal = 4
            $0.stored.losses = [.init(positions: 4...4, units: 1, isReleased: false)]
        }
        #expect(withheld == [])
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

    @Test func `reads a log as the load client writes it, and names the line that is not an attempt`() throws {
        let good = """
            {"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":201,"problem":null,"position":7}
            {"inv_ns":3,"resp_ns":null,"buyer":"b","key":"k","status":0,"problem":null,"position":null}
            {"inv_ns":5,"resp_ns":6,"buyer":"c","key":"l","status":409,"problem":"sold-out","position":null}

            """
        let attempts = try good.withBytes { try Attempt.parse($0) }
        #expect(attempts.map(\.line) == [1, 2, 3])
        #expect(attempts[0].position == 7)
        #expect(attempts[1].isUnknown)
        #expect(attempts[2].isSoldOut)
        #expect {
            _ = try (good + "{\"inv_ns\":1}\n").withBytes { try Attempt.parse($0) }
        } throws: {
            "\($0)".hasPrefix("line 4 ")
        }
    }
}
