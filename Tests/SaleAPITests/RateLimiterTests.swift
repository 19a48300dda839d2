import EventLoop
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `The limit of a buyer` {
    private let limiter = RateLimiter(RateLimit("20/10s")!)
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func ask(_ buyer: String, at milliseconds: Int, by other: RateLimiter? = nil) -> RateLimiter.Verdict {
        buyer.withBytes { (other ?? limiter).admit($0, now: start.advanced(milliseconds: milliseconds)) }
    }

    /// nil if the request is refused.
    private func charge(_ buyer: String, at milliseconds: Int, by other: RateLimiter? = nil) -> RateLimiter.Charge? {
        if case .admitted(let charge) = ask(buyer, at: milliseconds, by: other) { charge } else { nil }
    }

    private func isAdmitted(_ buyer: String, at milliseconds: Int, by other: RateLimiter? = nil) -> Bool {
        charge(buyer, at: milliseconds, by: other) != nil
    }

    @Test func `lets twenty through at once, and then two a second`() {
        for _ in 0..<20 { #expect(isAdmitted("a", at: 0)) }
        #expect(ask("a", at: 0) == .refused(retryAfterSeconds: 1))
        #expect(!isAdmitted("a", at: 499))
        #expect(isAdmitted("a", at: 500))
        #expect(!isAdmitted("a", at: 999))
        #expect(isAdmitted("a", at: 1000))
        // After ten idle seconds the allowance is full again.
        for _ in 0..<20 { #expect(isAdmitted("a", at: 11_000)) }
        #expect(!isAdmitted("a", at: 11_000))
    }

    @Test func `is separate for each buyer`() {
        for _ in 0..<20 { _ = ask("a", at: 0) }
        #expect(!isAdmitted("a", at: 0))
        #expect(isAdmitted("b", at: 0))
    }

    @Test func `never refuses a buyer twice who waits as long as told`() {
        var random = SeededRandom()
        for buyer in 0..<50 {
            var now = 0
            var obeying = false
            for _ in 0..<200 {
                switch ask("buyer-\(buyer)", at: now) {
                case .admitted: obeying = false
                case .refused(let seconds):
                    #expect(!obeying, "seed \(random.seed)")
                    now += seconds * 1000
                    obeying = true
                    continue
                }
                now += Int.random(in: 0...300, using: &random)
            }
        }
    }

    @Test func `does not count replays, nor returns that an answer has asked for`() {
        for _ in 0..<100 {
            guard case .admitted(let charge) = ask("a", at: 0) else { return #expect(Bool(false), "refused") }
            limiter.refund(charge)
        }
        for round in 0..<100 {
            guard case .admitted(let charge) = ask("p", at: round * 1000) else {
                return #expect(Bool(false), "refused in round \(round)")
            }
            limiter.expectReturn(charge, afterSeconds: 1, now: start.advanced(milliseconds: round * 1000))
        }
    }

    @Test func `does not count requested returns however often, even at one request a minute`() {
        let strict = RateLimiter(RateLimit("1/60s")!)
        for round in 0..<50 {
            let now = start.advanced(milliseconds: round * 1000)
            guard case .admitted(let charge) = "p".withBytes({ strict.admit($0, now: now) }) else {
                return #expect(Bool(false), "refused in round \(round)")
            }
            strict.expectReturn(charge, afterSeconds: 1, now: now)
        }
    }

    @Test func `gives back what a replay cost, and no more`() throws {
        for _ in 0..<19 { #expect(isAdmitted("a", at: 0)) }
        limiter.refund(try #require(charge("a", at: 0)))
        #expect(isAdmitted("a", at: 0))
        #expect(!isAdmitted("a", at: 0))
    }

    @Test func `gives nothing back for a return that was free`() throws {
        let strict = RateLimiter(RateLimit("1/60s")!)
        strict.expectReturn(try #require(charge("a", at: 0, by: strict)), afterSeconds: 1, now: start)
        strict.refund(try #require(charge("a", at: 1000, by: strict)))
        #expect(!isAdmitted("a", at: 1000, by: strict))
    }

    @Test func `counts returns that come too early`() throws {
        let strict = RateLimiter(RateLimit("1/60s")!)
        strict.expectReturn(try #require(charge("a", at: 0, by: strict)), afterSeconds: 10, now: start)
        for milliseconds in [0, 1000, 9999] { #expect(!isAdmitted("a", at: milliseconds, by: strict)) }
        #expect(isAdmitted("a", at: 10_000, by: strict))
    }

    @Test func `holds for those who press on while hundreds of thousands of others come and go`() {
        for _ in 0..<20 { _ = ask("impatient", at: 0) }
        // 80,000 buyers a second, each pressing once.
        for index in 0..<400_000 { _ = ask("b\(index)", at: index / 80) }
        for _ in 0..<10 { #expect(isAdmitted("impatient", at: 5000)) }
        #expect(!isAdmitted("impatient", at: 5000))
    }

    @Test func `is that of a newcomer for whoever takes the place of another`() {
        // More buyers at once than there are places, and no request is left to any of them.
        let strict = RateLimiter(RateLimit("1/60s")!)
        #expect((0..<200_000).allSatisfy { isAdmitted("b\($0)", at: 0, by: strict) })
    }

    @Test(arguments: ["", "20", "20/", "/10s", "0/10s", "20/10", "20/10s/1", "20/500ms", "10001/1s", "x/1s"])
    func `rejects text in any other form`(_ text: String) { #expect(RateLimit(text) == nil) }
}
