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
        run.failed(2, at: at(30))
        let report = Report(run, start: at(0))
        #expect(report.secured == 1)
        #expect(report.soldOut == 1)
        #expect(report.errors == 2)
        #expect(report.duplicates == 0)
        #expect(run.unanswered == 1)
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
    }

    @Test func `count a win that is refused later as an error`() throws {
        let run = try buyers(1)
        run.pressed(0, due: at(0))
        run.secured(0, position: 1, at: at(1))
        run.soldOut(0, at: at(2))
        #expect(Report(run, start: at(0)).errors == 1)
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
        #expect(report.goodputPerSecond == 0.25)
        #expect(report.clientMicroseconds == 5)
    }

    @Test func `are printed by name, in the documented order`() throws {
        let report = Report(try buyers(1), start: at(0))
        #expect(
            report.text.split(separator: "\n").map { $0.split(separator: " ")[0] } == [
                "buyers", "secured", "sold_out", "errors", "duplicates", "p50_ms", "p99_ms", "p999_ms", "max_ms",
                "decisions_per_second", "shed", "goodput_per_second", "client_us",
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
}
