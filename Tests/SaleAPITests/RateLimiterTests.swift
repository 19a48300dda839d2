import EventLoop
import Glibc
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `The limit of a buyer` {
    private let limiter = RateLimiter(RateLimit("20/10s")!)
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func ask(_ buyer: String, at milliseconds: Int) -> RateLimiter.Verdict {
        buyer.withBytes { limiter.admit($0, now: start.advanced(milliseconds: milliseconds)) }
    }

    private func isAdmitted(_ buyer: String, at milliseconds: Int) -> Bool {
        if case .admitted = ask(buyer, at: milliseconds) { true } else { false }
    }

    @Test func `lets twenty through at once, and then two a second`() {
        for _ in 0..<20 { #expect(isAdmitted("a", at: 0)) }
        #expect(ask("a", at: 0) == .refused(retryAfterSeconds: 1))
        #expect(!isAdmitted("a", at: 499))
        #expect(isAdmitted("a", at: 500))
        #expect(!isAdmitted("a", at: 999))
        #expect(isAdmitted("a", at: 1000))
        // After ten seconds without a word it is as if it had never asked.
        for _ in 0..<20 { #expect(isAdmitted("a", at: 11_000)) }
        #expect(!isAdmitted("a", at: 11_000))
    }

    @Test func `is each buyer's own`() {
        for _ in 0..<20 { _ = ask("a", at: 0) }
        #expect(!isAdmitted("a", at: 0))
        #expect(isAdmitted("b", at: 0))
    }

    @Test func `never refuses twice a buyer who waits as long as it is told`() {
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

    @Test func `does not count replays, nor those who come back when they are told to`() {
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

    @Test func `does not count them however often they are told, even where one request a minute is allowed`() {
        let strict = RateLimiter(RateLimit("1/60s")!)
        for round in 0..<50 {
            let now = start.advanced(milliseconds: round * 1000)
            guard case .admitted(let charge) = "p".withBytes({ strict.admit($0, now: now) }) else {
                return #expect(Bool(false), "refused in round \(round)")
            }
            strict.expectReturn(charge, afterSeconds: 1, now: now)
        }
    }

    @Test func `counts those who come back too early`() {
        var admitted = 0
        for _ in 0..<100 {
            guard case .admitted(let charge) = ask("a", at: 0) else { continue }
            limiter.expectReturn(charge, afterSeconds: 1, now: start)
            admitted += 1
        }
        #expect(admitted == 20)
    }

    @Test func `holds for those who press on while a million others come and go`() {
        for _ in 0..<20 { _ = ask("impatient", at: 0) }
        // 80,000 buyers a second, each pressing once.
        for index in 0..<1_000_000 { _ = ask("b\(index)", at: index / 80) }
        for _ in 0..<20 { _ = ask("impatient", at: 12_500) }
        #expect(!isAdmitted("impatient", at: 12_500))
    }

    @Test(arguments: ["", "20", "20/", "/10s", "0/10s", "20/10", "20/10s/1", "20/500ms", "10001/1s", "x/1s"])
    func `is not understood in another form`(_ text: String) { #expect(RateLimit(text) == nil) }
}

@Suite struct `A buyer who asks too often` {
    @Test func `is told when to come back, and is let in then`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "3/3s"])
        try TestSale.create(api.redis.connect(), "demo", stock: 0)
        for index in 0..<3 { #expect(try api.buy("demo", "b1", "k\(index)").problem == "sold-out") }
        let refused = try api.buy("demo", "b1", "k4")
        #expect(refused.status == 429)
        #expect(refused.problem == "rate-limited")
        let seconds = try #require(Int(refused["Retry-After"] ?? ""))
        #expect(refused["RateLimit"] == "\"buyer\";r=0;t=\(seconds)")
        #expect(refused["RateLimit-Policy"] == "\"buyer\";q=3;w=3")
        #expect(try api.buy("demo", "b2", "k1").problem == "sold-out")
        #expect(try api.metric("sale_rate_limited_total") == 1)
        #expect(try eventually { try api.buy("demo", "b1", "k5").status == 409 })
    }

    @Test func `may ask for a win as often as it likes`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "3/10s"])
        try TestSale.create(api.redis.connect(), "demo", stock: 10)
        #expect(try api.buy("demo", "b1", "k").status == 201)
        for _ in 0..<20 { #expect(try api.buy("demo", "b1", "k").status == 200) }
    }

    @Test func `may come back for nothing when an answer has told it to`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        let redis = try api.redis.connect()
        _ = try redis.control(TestSale.create(redis, "demo"), .pause)
        let paused = try api.buy("demo", "b1", "k")
        #expect(paused.problem == "sale-paused")
        #expect(paused["Retry-After"] == "2")
        #expect(try eventually { try api.buy("demo", "b1", "k").problem == "sale-paused" })
    }

    @Test func `may not come back for nothing before that`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        let opensAt = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        try TestSale.create(api.redis.connect(), "demo", opensAt: opensAt)
        #expect(try api.buy("demo", "b1", "k").problem == "sale-not-open")
        // Longer than the second after which whoever finds no Redis may come back.
        usleep(1_200_000)
        #expect(try api.buy("demo", "b1", "k").status == 429)
    }

    @Test func `is judged after token, key and body`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        try TestSale.create(api.redis.connect(), "demo", stock: 0)
        #expect(try api.buy("demo", "b1", "k").status == 409)
        #expect(try api.buy("demo", "b1", "k").status == 429)
        #expect(try api.buy("demo", "b1", "not a key").status == 400)
        #expect(try api.buy("demo", "b1", "k", quantity: 0).status == 400)
    }
}
