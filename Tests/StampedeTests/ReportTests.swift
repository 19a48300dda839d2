import EventLoop
import Shared
import TestSupport
import Testing

@testable import Stampede

@Suite struct `The load client's figures` {
    private func buyers(_ count: Int) throws -> Buyers {
        let json = #"{"keys":[{"kty":"oct","kid":"k","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#
        let keys = try json.withBytes { try KeySet(json: $0) }
        return Buyers(count: count, mint: TokenMint(keys: keys), expiresAt: 2000, issuedAt: 1000, progress: { _ in })
    }

    private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test func `count distinct orders, refusals and buyers without an answer`() throws {
        let run = try buyers(4)
        for buyer in 0..<4 { run.pressed(buyer, due: at(0)) }
        run.secured(0, position: 1, at: at(10))
        run.soldOut(1, at: at(20))
        _ = run.failed(2, at: at(30))
        let report = Report(run, start: at(0))
        #expect(report.secured == 1)
        #expect(report.soldOut == 1)
        #expect(report.errors == 2)
        #expect(report.duplicates == 0)
        #expect(run.unanswered == 1)
        // Of those who have an answer.
        #expect(report.p50Milliseconds == 20)
    }

    @Test func `count a key with two orders, and an order with two keys, as duplicates`() throws {
        let run = try buyers(3)
        for buyer in 0..<3 { run.pressed(buyer, due: at(0)) }
        run.secured(0, position: 1, at: at(1))
        run.secured(0, position: 1, at: at(2))
        #expect(run.duplicates == 0)
        run.secured(0, position: 2, at: at(3))
        #expect(run.duplicates == 1)
        run.secured(1, position: 1, at: at(4))
        #expect(run.duplicates == 2)
        #expect(run.orders == 2)
    }

    @Test func `count a buyer with two different final answers as an error, in any order`() throws {
        let run = try buyers(4)
        for buyer in 0..<4 { run.pressed(buyer, due: at(0)) }
        run.secured(0, position: 1, at: at(1))
        run.soldOut(0, at: at(2))
        run.soldOut(1, at: at(1))
        run.secured(1, position: 2, at: at(2))
        _ = run.failed(2, at: at(1))
        run.secured(2, position: 3, at: at(2))
        run.secured(3, position: 4, at: at(1))
        run.secured(3, position: 4, at: at(2))
        let report = Report(run, start: at(0))
        #expect(report.errors == 3)
        #expect(run.contradictions == 2)
        #expect(report.soldOut == 0)
        // The orders exist, whatever else their buyers heard.
        #expect(report.secured == 4)
        #expect(report.duplicates == 0)
    }

    @Test func `count an answer of a buyer who was also told to come back`() throws {
        let run = try buyers(2)
        for buyer in 0..<2 { run.pressed(buyer, due: at(0)) }
        run.secured(0, position: 1, at: at(1))
        run.shed(0, at: at(2))
        run.shed(1, at: at(1))
        run.soldOut(1, at: at(2))
        let report = Report(run, start: at(0))
        #expect(report.secured == 1 && report.soldOut == 1 && report.shed == 0 && report.errors == 0)
    }

    @Test func `measure latency from when a press was due to the first final answer`() throws {
        let run = try buyers(100)
        for buyer in 0..<100 {
            run.pressed(buyer, due: at(100))
            run.soldOut(buyer, at: at(100 + UInt64(buyer) + 1))
            run.soldOut(buyer, at: at(9999))
        }
        let report = Report(run, start: at(100))
        #expect(report.p50Milliseconds == 50)
        #expect(report.p99Milliseconds == 99)
        #expect(report.maxMilliseconds == 100)
        #expect(Int(report.decisionsPerSecond) == 1000)
    }

    @Test func `count shed buyers separately, and as goodput only answers within three seconds`() throws {
        let run = try buyers(4)
        for buyer in 0..<4 { run.pressed(buyer, due: at(0)) }
        run.secured(0, position: 1, at: at(3000))
        run.soldOut(1, at: at(3001))
        run.soldOut(2, at: at(4000))
        run.shed(3, at: at(5))
        let report = Report(run, start: at(0), cpuMicroseconds: 20)
        #expect(report.shed == 1)
        #expect(report.errors == 0)
        #expect(report.decisionsPerSecond == 0.75)
        #expect(report.goodputPerSecond == 0.25)
        // How long the others waited.
        #expect(report.p50Milliseconds == 3001)
        #expect(report.clientMicroseconds == 5)
    }

    @Test func `count errors by kind, the most frequent first`() {
        var failures = Failures()
        "no final answer in time".withBytes { failures.add(status: 0, problem: $0) }
        for _ in 0..<2 { "unauthorized".withBytes { failures.add(status: 401, problem: $0) } }
        // A server that makes up a type for each answer does not fill the memory.
        for number in 1...100 { "p\(number)".withBytes { failures.add(status: 500, problem: $0) } }
        #expect(failures.lines.prefix(2) == ["2 × 401 unauthorized", "1 × no final answer in time"])
        #expect(failures.lines.count == 17 && failures.lines.last == "86 × anything else")
    }

    @Test func `are printed by name, in the documented order`() throws {
        let report = Report(try buyers(1), start: at(0))
        #expect(
            report.text.split(separator: "\n").map { $0.split(separator: " ")[0] } == [
                "buyers", "secured", "sold_out", "errors", "duplicates", "p50_ms", "p99_ms", "p999_ms", "max_ms",
                "decisions_per_second", "shed", "goodput_per_second", "client_us", "attempts", "lost", "malformed",
            ])
        #expect(report.json.hasPrefix(#"{"buyers":1,"secured":0,"sold_out":0,"errors":1,"duplicates":0,"p50_ms":"#))
    }

    @Test func `include a token for each buyer that the API accepts`() throws {
        let json = #"{"keys":[{"kty":"oct","kid":"k","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#
        let keys = try json.withBytes { try KeySet(json: $0) }
        let run = try buyers(1000)
        let verifier = TokenVerifier(keys: keys)
        for buyer in [0, 9, 999] {
            var token = ByteBuffer()
            run.withToken(buyer) { token.append($0) }
            let subject = try verifier.withSubject(of: token.bytes, nowSeconds: 1500) { $0.string }
            var name = ByteBuffer()
            Buyers.append(buyer: buyer, to: &name)
            #expect(subject == name.string)
        }
    }

    @Test func `include a request with each buyer's own token and key`() throws {
        let run = try buyers(1000)
        let options = try Options(["--target", "http://127.0.0.1:8101", "--sale", "thursday"])
        let prepared = PreparedRequest(options.targets[0], options.sale, .press, run)
        for buyer in [0, 998, 9, 999] {
            var token = ByteBuffer()
            run.withToken(buyer) { token.append($0) }
            var key = ByteBuffer()
            Buyers.append(key: buyer, to: &key)
            #expect(
                String(decoding: prepared.of(buyer, run), as: UTF8.self) == """
                    POST /v1/sales/thursday/purchases HTTP/1.1\r
                    Host: 127.0.0.1:8101\r
                    Content-Length: 0\r
                    Authorization: Bearer \(token.string)\r
                    Idempotency-Key: \(key.string)\r
                    \r

                    """)
        }
    }

    @Test func `spread the buyers who press again evenly`() {
        let share = (0..<100_000).filter { Buyers.retries($0, perMillion: 20_000) }.count
        #expect((1900...2100).contains(share))
        #expect(!Buyers.retries(5, perMillion: 0))
        #expect(Buyers.retries(5, perMillion: 1_000_000))
    }

    @Test(arguments: [10, 1000, 8000])
    func `spread their second presses evenly over the time there is`(_ milliseconds: Int) {
        let again = (0..<1_000_000).filter { Buyers.retries($0, perMillion: 1000) }
        var tenths = [Int](repeating: 0, count: 10)
        for buyer in again { tenths[Buyers.jitter(buyer, below: milliseconds) * 10 / milliseconds] += 1 }
        // A tenth of a thousand each, and five standard deviations (9.5 each).
        for count in tenths { #expect(abs(count - again.count / 10) < 48, "\(tenths)") }
    }
}
