import Shared
import TestSupport
import Testing

@testable import Stampede

@Suite struct `The load client's reaction to an answer` {
    private static func reaction(
        _ status: Int, _ problem: String = "", retryAfter seconds: Int = 0, position: Int = 0, isJoin: Bool = false,
        hasTickets: Bool = false, once: Bool = false
    ) -> Reaction {
        var answer = Answer()
        answer.status = status
        answer.retryAfterSeconds = seconds
        answer.position = position
        return problem.withBytes {
            Reaction(to: answer, problem: $0, isJoin: isJoin, hasTickets: hasTickets, once: once)
        }
    }

    @Test(arguments: [false, true])
    func `is final for an order and for "sold out", whether anybody comes back or not`(_ once: Bool) {
        for hasTickets in [false, true] {
            #expect(
                Self.reaction(201, position: 7, hasTickets: hasTickets, once: once) == .secured(position: 7))
            #expect(
                Self.reaction(200, position: 7, hasTickets: hasTickets, once: once) == .secured(position: 7))
            #expect(Self.reaction(409, "sold-out", hasTickets: hasTickets, once: once) == .soldOut)
        }
    }

    /// Answers that postpone a buyer, and what they mean to one that does not come back.
    private static let postponements: [(status: Int, problem: String, final: Reaction)] = [
        (202, "", .failed), (429, "rate-limited", .failed), (503, "overloaded", .shed), (503, "unavailable", .shed),
        (409, "sale-not-open", .failed), (409, "sale-paused", .failed), (409, "turn-not-yet", .failed),
    ]

    @Test(arguments: postponements)
    func `is to come back when a postponement says, or not at all if each buyer presses once`(
        _ status: Int, _ problem: String, _ final: Reaction
    ) {
        for isJoin in [false, true] {
            let comeBack = Self.reaction(status, problem, retryAfter: 30, isJoin: isJoin, hasTickets: true)
            #expect(comeBack == .comeBack(milliseconds: 30_000))
            let once = Self.reaction(status, problem, retryAfter: 30, isJoin: isJoin, hasTickets: true, once: true)
            #expect(once == final)
        }
    }

    @Test(arguments: [(202, ""), (429, "rate-limited"), (503, "overloaded")])
    func `is to come back after a second if a postponement does not say when`(_ status: Int, _ problem: String) {
        #expect(Self.reaction(status, problem) == .comeBack(milliseconds: 1000))
    }

    @Test(arguments: ["turn-missed", "ticket-outdated"], [false, true])
    func `is to join again with a ticket that is good for nothing, even if each buyer presses once`(
        _ problem: String, _ once: Bool
    ) {
        #expect(Self.reaction(409, problem, hasTickets: true, once: once) == .rejoin)
        #expect(Self.reaction(409, problem, hasTickets: false, once: once) == .failed)
    }

    @Test func `is to wait for the turn after a join, unless the waiting room is closed`() {
        for status in [200, 201] {
            // A ticket's position is not an order's.
            #expect(Self.reaction(status, position: 7, isJoin: true, hasTickets: true) == .joined)
        }
        #expect(Self.reaction(409, "sold-out", isJoin: true, hasTickets: true) == .soldOut)
        #expect(Self.reaction(409, "sale-ended", isJoin: true, hasTickets: true) == .failed)
    }

    @Test(arguments: [
        (201, ""), (200, ""), (400, "malformed-body"), (401, "unauthorized"), (404, ""), (409, "sale-ended"),
        (409, "purchase-limit"), (422, "idempotency-key-reused"), (404, "sold-out"), (500, ""), (304, ""),
    ])
    func `is a failure for anything else`(_ status: Int, _ problem: String) {
        #expect(Self.reaction(status, problem) == .failed)
    }
}
