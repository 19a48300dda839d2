import HTTPEdge
import Shared
import Testing

@testable import SaleAPI

@Suite struct `The answer to a decision` {
    private let sale = SaleID("demo")!
    private let now = UnixMilliseconds(10_000)

    private func answer(_ decision: Decision, jitter: Int = 0, wasSeen: Bool = true) -> PurchaseAnswer {
        PurchaseAnswer.to(decision, sale, quantity: 2, now: now, jitter: jitter, wasSeen: wasSeen)
    }

    private func problem(_ answer: PurchaseAnswer) -> (name: String, member: PurchaseAnswer.Member?)? {
        guard case .problem(let problem, let member) = answer.content else { return nil }
        return ("\(problem.name)", member)
    }

    @Test(
        arguments: [
            (.secured(position: 7, at: UnixMilliseconds(900)), false),
            (.replayed(position: 7, at: UnixMilliseconds(900)), true),
        ]
            as [(Decision, Bool)])
    func `that has won is the order, and never asks the buyer back`(_ decision: Decision, _ wasReplay: Bool) throws {
        let answer = answer(decision)
        guard case .order(let order, let quantity, let securedAt, let isReplay) = answer.content else {
            return #expect(Bool(false), "\(answer)")
        }
        #expect(order == OrderID(sale: sale, position: 7))
        #expect(quantity == 2)
        #expect(securedAt == UnixMilliseconds(900))
        #expect(isReplay == wasReplay)
        #expect(answer.retryAfterSeconds == nil)
    }

    @Test(
        arguments: [
            (.soldOut, "sold-out", nil, nil), (.keyReused, "idempotency-key-reused", nil, nil),
            (.ended, "sale-ended", nil, nil), (.insufficient(remaining: 1), "insufficient-stock", .remaining(1), nil),
            (.limit(orders: "3,17"), "purchase-limit", .orders(SaleID("demo")!, positions: "3,17"), nil),
            (.paused, "sale-paused", nil, 2), (.fenced, "unavailable", nil, 1),
            (.notOpen(opensAt: UnixMilliseconds(12_001)), "sale-not-open", .opensAt(UnixMilliseconds(12_001)), 3),
            (.notOpen(opensAt: UnixMilliseconds(9000)), "sale-not-open", .opensAt(UnixMilliseconds(9000)), 1),
            (.turn(.ticketRequired), "ticket-required", nil, nil),
            (.turn(.ticketInvalid(.forged)), "ticket-forged", nil, nil),
            (.turn(.ticketInvalid(.foreign)), "ticket-foreign", nil, nil),
            (.turn(.ticketInvalid(.other)), "ticket-of-another", nil, nil),
            (.turn(.ticketOutdated), "ticket-outdated", nil, nil),
            (.turn(.notYet(UnixMilliseconds(11_500))), "turn-not-yet", .turnAt(UnixMilliseconds(11_500)), 2),
            (.turn(.notYet(nil)), "turn-not-yet", .turnAt(nil), 5),
            (.turn(.missed(UnixMilliseconds(5000))), "turn-missed", .turnAt(UnixMilliseconds(5000)), nil),
            (.turn(.missed(nil)), "turn-missed", .turnAt(nil), nil),
        ] as [(Decision, String, PurchaseAnswer.Member?, Int?)])
    func `that has not won is a problem, with a time to come back only if that may help`(
        _ decision: Decision, _ name: String, _ member: PurchaseAnswer.Member?, _ seconds: Int?
    ) throws {
        let answer = answer(decision)
        let found = try #require(problem(answer))
        #expect(found.name == name)
        #expect(found.member == member)
        #expect(answer.retryAfterSeconds == seconds)
    }

    @Test func `about an unknown sale is 404 only if the sale was never seen`() {
        #expect(problem(answer(.unknownSale, wasSeen: false))?.name == "not-found")
        #expect(answer(.unknownSale, wasSeen: false).retryAfterSeconds == nil)
        #expect(problem(answer(.unknownSale))?.name == "unavailable")
        #expect(answer(.unknownSale).retryAfterSeconds == 1)
    }

    @Test func `spreads buyers whose turn has not come`() {
        let turn = Decision.turn(.notYet(UnixMilliseconds(11_500)))
        #expect((0...3).map { answer(turn, jitter: $0).retryAfterSeconds } == [2, 3, 4, 5])
    }

    @Test func `is left pending, or refused without one, with a time to come back`() {
        guard case .pending = PurchaseAnswer.pending.content else { return #expect(Bool(false)) }
        #expect(PurchaseAnswer.pending.retryAfterSeconds == 1)
        #expect(problem(.unavailable)?.name == "unavailable")
        #expect(PurchaseAnswer.unavailable.retryAfterSeconds == 1)
        let shed = "b1".withBytes { PurchaseAnswer.overloaded($0) }
        #expect(problem(shed)?.name == "overloaded")
        #expect((1...4).contains(shed.retryAfterSeconds ?? 0))
    }
}
