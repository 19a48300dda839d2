import EventLoop
import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

/// A sale with a waiting room, and its API.
private struct RoomScene {
    let api: APIUnderTest
    let redis: BlockingRedis
    let sale = SaleID("demo")!

    /// - Parameter opensIn: milliseconds; nil if it is open.
    init(
        _ settings: [String: String] = [:], rate: Int = 1000, stock: Int = 100, opensIn: Int? = nil,
        api: APIUnderTest? = nil
    ) throws {
        self.api = try api ?? APIUnderTest(settings)
        redis = try self.api.redis.connect()
        let opensAt = opensIn.map { UnixMilliseconds(UnixMilliseconds.now.value + $0) }
        try TestSale.create(redis, stock: stock, opensAt: opensAt, admission: .init(rate: rate))
    }

    func set(_ field: String, _ value: String) throws {
        try redis.command(["HSET", "\(SaleKeys(sale).sale)", "\(field)", "\(value)"])
    }

    /// Sets the schedule so that admission began `milliseconds` ago.
    func begin(ago milliseconds: Int, rate: Int = 1000) throws {
        try set("admission", "\(try redis.time().value - milliseconds) 0 \(rate)")
        try set("opens_at", "0")
    }

    func ticket(_ buyer: String) throws -> String {
        let answer = try api.join("demo", buyer)
        return try #require(answer.json["ticket"] as? String, "\(answer.status) \(answer.body)")
    }

    func place(_ ticket: String) throws -> HTTPAnswer {
        try api.ask("GET", "/v1/sales/demo/queue", [("Sale-Ticket", ticket)])
    }
}

@Suite struct `A waiting room` {
    @Test func `gives each buyer one position, in order of arrival, with the time of its turn`() throws {
        let scene = try RoomScene(rate: 2, opensIn: 60_000)
        let opensAt = try #require(try scene.redis.status(scene.sale)?.opensAt)
        let first = try scene.api.join("demo", "a")
        #expect(first.status == 201)
        #expect(first["Cache-Control"] == "private, no-store")
        let json = first.json
        #expect(
            Set(json.keys) == ["sale", "position", "ahead", "turn_at", "expires_at", "ticket", "server_time"])
        #expect(json["position"] as? Int == 1)
        #expect(json["ahead"] as? Int == 0)
        #expect(json["turn_at"] as? String == UnixMilliseconds(opensAt.value + 500).rfc3339)
        #expect(json["expires_at"] as? String == UnixMilliseconds(opensAt.value + 120_500).rfc3339)
        let second = try scene.api.join("demo", "b")
        #expect(second.json["position"] as? Int == 2)
        #expect(second.json["ahead"] as? Int == 1)
        let again = try scene.api.join("demo", "a")
        #expect(again.status == 200)
        #expect(again.json["position"] as? Int == 1)
        #expect(again.json["ticket"] as? String == json["ticket"] as? String)
    }

    @Test func `never tells a buyer to come back before its turn, nor long after it`() throws {
        let scene = try RoomScene(rate: 1, opensIn: 10_000)
        for index in 0..<20 {
            let begun = Instant.now
            let answer = try scene.api.join("demo", "buyer-\(index)")
            let turn = try #require(UnixMilliseconds(rfc3339: answer.json["turn_at"] as? String ?? ""))
            let now = try #require(UnixMilliseconds(rfc3339: answer.json["server_time"] as? String ?? ""))
            let seconds = try #require(answer["Retry-After"].flatMap { Int($0) })
            #expect(seconds * 1000 >= turn.value - now.value)
            #expect(seconds * 1000 < turn.value - now.value + 4000)
            // The same buyer gets the same time: as much less as has passed, to the second.
            let early = try scene.api.buy("demo", "buyer-\(index)", "k", ticket: answer.json["ticket"] as? String ?? "")
            #expect(early.problem == "turn-not-yet")
            let passed = Instant.now.microseconds(since: begun) / 1_000_000
            let later = try #require(early["Retry-After"].flatMap { Int($0) })
            #expect((-1...passed + 1).contains(seconds - later))
        }
    }

    @Test func `gives one position to a buyer who joins from two devices at once`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let others = [scene.api.socket, try scene.api.startAnother()]
        for round in 0..<20 {
            let clients = try (0..<6).map { try UnixHTTPClient(others[$0 % 2]) }
            for client in clients {
                try client.send("POST", "/v1/sales/demo/queue", headers: [scene.api.bearer("b-\(round)")])
            }
            let answers = try clients.map { try $0.answer() }
            #expect(Set(answers.map { $0.json["position"] as? Int }) == [round + 1])
            #expect(answers.filter { $0.status == 201 }.count == 1)
        }
        #expect(try scene.redis.queue(scene.sale)?.joined == 20)
    }

    @Test func `has one order across several processes`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let sockets = [scene.api.socket, try scene.api.startAnother(), try scene.api.startAnother()]
        let clients = try sockets.map { try UnixHTTPClient($0) }
        for index in 0..<60 {
            let answer = try clients[index % 3].ask(
                "POST", "/v1/sales/demo/queue", headers: [scene.api.bearer("b-\(index)")])
            #expect(answer.json["position"] as? Int == index + 1)
        }
        // Every process accepts the tickets of the others.
        try scene.begin(ago: 30_000)
        let ticket = try scene.ticket("b-7")
        let won = try clients[1].ask(
            "POST", "/v1/sales/demo/purchases",
            headers: scene.api.headers("b-7", "k", quantity: nil) + [("Sale-Ticket", ticket)])
        #expect(won.status == 201)
    }

    @Test func `survives a turn a thousand years away`() throws {
        // In a thousand years, which 64 bits of nanoseconds can't express.
        let scene = try RoomScene(opensIn: 1000 * 365 * 86_400_000)
        let early = try scene.api.buy("demo", "a", "k", ticket: scene.ticket("a"))
        #expect(early.problem == "turn-not-yet")
        #expect(try scene.api.ask("GET", "/livez").status == 200)
    }

    @Test func `sells from the turn on, and replays the win without a ticket`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let ticket = try scene.ticket("a")
        let early = try scene.api.buy("demo", "a", "k", ticket: ticket)
        #expect(early.status == 409)
        #expect(early.problem == "turn-not-yet")
        expectProblem(early)
        #expect(UnixMilliseconds(rfc3339: early.json["turn_at"] as? String ?? "") != nil)
        try scene.begin(ago: 30_000)
        let won = try scene.api.buy("demo", "a", "k", ticket: ticket)
        #expect(won.status == 201)
        for headers in [[], [("Sale-Ticket", "rubbish")], [("Sale-Ticket", ticket)]] {
            let again = try scene.api.ask(
                "POST", "/v1/sales/demo/purchases", scene.api.headers("a", "k", quantity: nil) + headers)
            #expect(again.status == 200)
            #expect(again.body == won.body)
        }
        // The ticket was good for one turn and as many units as one buyer may have.
        #expect(try scene.api.buy("demo", "a", "k2", ticket: ticket).problem == "purchase-limit")
    }

    @Test func `sells to a buyer whose name JSON has to escape`() throws {
        let scene = try RoomScene()
        let buyer = #"o"brien\/1"#
        try scene.begin(ago: 1000)
        let ticket = try scene.ticket(buyer)
        #expect(try scene.place(ticket).json["state"] as? String == "admitted")
        let won = try scene.api.buy("demo", buyer, "k", ticket: ticket)
        #expect(won.status == 201, "\(won.body)")
        #expect(try scene.redis.command(["HKEYS", "\(SaleKeys(scene.sale).buyers)"]).strings == [buyer])
        let orders = try scene.api.ask("GET", "/v1/sales/demo/purchases", [scene.api.bearer(buyer)])
        #expect((orders.json["orders"] as? [[String: Any]])?.count == 1)
    }

    @Test func `refuses a missed turn, and gives a new position at the tail`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let ticket = try scene.ticket("a")
        try scene.begin(ago: 600_000, rate: 10)
        let missed = try scene.api.buy("demo", "a", "k", ticket: ticket)
        #expect(missed.status == 409)
        #expect(missed.problem == "turn-missed")
        #expect(missed["Retry-After"] == nil)
        expectProblem(missed)
        #expect(try scene.place(ticket).json["state"] as? String == "missed")
        let again = try scene.api.join("demo", "a")
        #expect(again.status == 201)
        #expect((again.json["position"] as? Int ?? 0) > 6000)
    }

    /// A page that was told so would send its buyer to the end of the queue.
    @Test func `says of no turn that it is missed while the sale is fenced`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let ticket = try scene.ticket("a")
        try scene.set("serving_run_id", "another")
        try scene.begin(ago: 600_000, rate: 10)
        #expect(try scene.api.buy("demo", "a", "k", ticket: ticket).status == 503)
        #expect(try scene.place(ticket).json["state"] as? String == "admitted")
    }

    @Test func `wants a ticket that was given to this buyer for this sale`() throws {
        let scene = try RoomScene()
        try TestSale.create(scene.redis, "second", admission: .init(rate: 1000))
        try scene.begin(ago: 30_000)
        let ticket = try scene.ticket("a")
        let foreign = try #require(try scene.api.join("second", "a").json["ticket"] as? String)

        func expect(_ answer: HTTPAnswer, _ status: Int, _ problem: String) {
            #expect(answer.status == status, "\(problem): \(answer.body)")
            #expect(answer.problem == problem)
            expectProblem(answer)
        }
        expect(try scene.api.buy("demo", "a", "k"), 409, "ticket-required")
        expect(try scene.api.buy("demo", "a", "k", ticket: "rubbish"), 403, "ticket-forged")
        expect(try scene.api.buy("demo", "a", "k", ticket: String(ticket.dropLast())), 403, "ticket-forged")
        expect(try scene.api.buy("demo", "a", "k", ticket: scene.api.token("a")), 403, "ticket-forged")
        expect(try scene.api.buy("demo", "a", "k", ticket: foreign), 403, "ticket-foreign")
        expect(try scene.api.buy("demo", "b", "k", ticket: ticket), 403, "ticket-of-another")
        let twice = try scene.api.ask(
            "POST", "/v1/sales/demo/purchases",
            scene.api.headers("a", "k", quantity: nil) + [("Sale-Ticket", ticket), ("Sale-Ticket", ticket)])
        expect(twice, 403, "ticket-forged")
        // The page of a place wants the same.
        expect(try scene.place(foreign), 403, "ticket-foreign")
        let fields = [("Sale-Ticket", ticket), ("Sale-Ticket", ticket)]
        expect(try scene.api.ask("GET", "/v1/sales/demo/queue", fields), 403, "ticket-forged")
        // A ticket is no token.
        let token = try scene.api.ask(
            "POST", "/v1/sales/demo/purchases",
            [("Authorization", "Bearer \(ticket)"), ("Idempotency-Key", "k"), ("Sale-Ticket", ticket)])
        #expect(token.status == 401)
        // A ticket of an epoch whose positions are lost.
        try scene.set("epoch", "2")
        try scene.redis.command(["DEL", "\(SaleKeys(scene.sale).tickets)"])
        expect(try scene.api.buy("demo", "a", "k", ticket: ticket), 409, "ticket-outdated")
        expect(try scene.place(ticket), 409, "ticket-outdated")
        // A ticket of another sale that had this name.
        var mint = TicketMint(keys: try scene.api.keys())
        var former = ByteBuffer()
        "a".withBytes { mint.append(sale: scene.sale, uuid: "former", epoch: 2, buyer: $0, position: 1, to: &former) }
        expect(try scene.api.buy("demo", "a", "k", ticket: former.string), 409, "ticket-outdated")
        expect(try scene.place(former.string), 409, "ticket-outdated")
        #expect(try scene.redis.status(scene.sale)?.remaining == 100)
    }

    @Test func `signs tickets with the keys that it has read on SIGHUP, and takes no others`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let before = try scene.ticket("a")
        #expect(try scene.place(before).status == 200)
        let set = KeySet.json([("k2", Crypto.randomBytes(32))])
        try set.write(toFile: scene.api.keyFile, atomically: true, encoding: .utf8)
        scene.api.process.signal(SIGHUP)
        #expect(eventually { scene.api.process.errors.contains("\"keys_reloaded\"") })
        #expect(try scene.place(before).problem == "ticket-forged")
        let keys = try set.withBytes { try KeySet(json: $0) }
        var mint = TokenMint(keys: keys)
        let now = UnixMilliseconds.now.value / 1000
        let token = mint.token(subject: "a", issuedAt: now, expiresAt: now + 3600)
        let again = try scene.api.ask("POST", "/v1/sales/demo/queue", [("Authorization", "Bearer \(token)")])
        #expect(again.status == 200, "the position stays")
        let ticket = again.json["ticket"] as? String ?? ""
        #expect(try ticket.withBytes { try TicketVerifier(keys: keys).ticket($0) }.position == 1)
        #expect(try scene.place(ticket).status == 200)
    }

    @Test func `accepts tickets of the previous epoch if their positions have survived`() throws {
        let scene = try RoomScene()
        try scene.begin(ago: 30_000)
        let before = try scene.api.join("demo", "a")
        try scene.set("epoch", "2")
        try scene.begin(ago: 31_000)
        let again = try scene.api.join("demo", "a")
        #expect(again.status == 200)
        #expect(again.json["position"] as? Int == before.json["position"] as? Int)
        #expect(again.json["ticket"] as? String != before.json["ticket"] as? String)
        #expect(try scene.api.buy("demo", "a", "k", ticket: before.json["ticket"] as? String ?? "").status == 201)
    }

    @Test func `tells everybody when the sale is sold out, and lets nobody join after that`() throws {
        let scene = try RoomScene(stock: 1)
        try scene.begin(ago: 30_000)
        let winner = try scene.ticket("a")
        try scene.set("admission", "\(try scene.redis.time().value + 600_000) 40000 1")
        let waiting = try scene.ticket("b")
        #expect(try scene.place(waiting).json["sold_out"] as? Bool == false)
        try scene.begin(ago: 60_000)
        #expect(try scene.api.buy("demo", "a", "k", ticket: winner).status == 201)
        // Everybody learns of it within a tenth of a second.
        #expect(try eventually { try scene.place(waiting).json["sold_out"] as? Bool == true })
        #expect(try scene.api.buy("demo", "b", "k", ticket: waiting).problem == "sold-out")
        let late = try scene.api.join("demo", "c")
        #expect(late.status == 409)
        #expect(late.problem == "sold-out")
        _ = try scene.redis.control(scene.sale, .close)
        #expect(try scene.api.join("demo", "c").problem == "sale-ended")
    }

    @Test func `is optional: without one, joins are refused and tickets ignored`() throws {
        let api = try APIUnderTest()
        try TestSale.create(api.redis.connect())
        for answer in [try api.join("demo", "a"), try api.ask("GET", "/v1/sales/demo/queue")] {
            #expect(answer.status == 409)
            #expect(answer.problem == "no-waiting-room")
            expectProblem(answer)
        }
        #expect(try api.buy("demo", "a", "k", ticket: "rubbish").status == 201)
        #expect(try api.ask("GET", "/v1/sales/demo").json["queue"] is NSNull)
        #expect(try api.join("ghost", "a").status == 404)
        #expect(try api.ask("GET", "/v1/sales/ghost/queue").status == 404)
    }

    @Test func `shows anyone how far admission has come`() throws {
        let scene = try RoomScene(rate: 10, stock: 5, opensIn: 60_000)
        for index in 0..<7 { _ = try scene.ticket("b-\(index)") }
        try scene.begin(ago: 350, rate: 10)
        let answer = try scene.api.ask("GET", "/v1/sales/demo/queue")
        #expect(answer.status == 200)
        #expect(answer["Cache-Control"] == "public, max-age=1")
        #expect(answer["Vary"] == "Sale-Ticket")
        #expect(answer["ETag"]?.hasPrefix("W/") == true)
        let json = answer.json
        #expect(json["joined"] as? Int == 7)
        let through = json["admitted_through"] as? Int ?? 0
        #expect((3...7).contains(through))
        #expect(json["waiting"] as? Int == 7 - through)
        #expect(json["rate"] as? Int == 10)
        #expect(json["paused"] as? Bool == false)
        #expect(json["remaining"] as? Int == 5)
        #expect(json["sold"] as? Int == 0)
        #expect(json["sold_out"] as? Bool == false)
        #expect((json["schedule"] as? [Any])?.count == 1)
        let page = try scene.api.ask("GET", "/v1/sales/demo").json["queue"] as? [String: Any]
        #expect(page?["rate"] as? Int == 10)
        // The page stays the same for a while, so a client that has it gets 304.
        #expect(try scene.redis.admit(scene.sale, .pause) == nil)
        #expect(try eventually { try scene.api.ask("GET", "/v1/sales/demo/queue").json["paused"] as? Bool == true })
        let paused = try scene.api.ask("GET", "/v1/sales/demo/queue")
        let same = try scene.api.ask("GET", "/v1/sales/demo/queue", [("If-None-Match", paused["ETag"] ?? "")])
        #expect(same.status == 304)
    }

    @Test func `costs Redis no more for many names that are made up than for one`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        #expect(try scene.api.ask("GET", "/v1/sales/none-0/queue").status == 404)
        let redis = try scene.api.redis.connect()
        let begun = Instant.now
        try redis.command(["CONFIG", "RESETSTAT"])
        for number in 1...50 { #expect(try scene.api.ask("GET", "/v1/sales/none-\(number)/queue").status == 404) }
        // The sale that exists is read once in a tenth of a second.
        #expect(try redis.calls("evalsha") <= Instant.now.microseconds(since: begun) / 100_000 + 1)
    }

    @Test func `shows the holder of a ticket its place, signed so that nobody can deny it`() throws {
        let scene = try RoomScene(rate: 10, opensIn: 60_000)
        _ = try scene.ticket("a")
        let ticket = try scene.ticket("b")
        let answer = try scene.place(ticket)
        #expect(answer.status == 200)
        #expect(answer["Cache-Control"] == "private, no-store")
        #expect(answer["ETag"] == nil)
        let json = answer.json
        #expect(json["position"] as? Int == 2)
        #expect(json["state"] as? String == "waiting")
        #expect(json["ahead"] as? Int == 1)
        #expect(json["remaining"] as? Int == 100)
        let proof = try #require(json["proof"] as? String)
        let parts = proof.split(separator: ".").map(String.init)
        func decoded(_ text: String) -> [UInt8] {
            var bytes = ByteBuffer()
            #expect(text.withBytes { Base64URL.decode($0, into: &bytes) })
            return bytes.withUnsafeBytes { Array($0) }
        }
        let claims = try #require(
            try JSONSerialization.jsonObject(with: Data(decoded(parts[1]))) as? [String: Any])
        #expect(claims["position"] as? Int == 2)
        #expect(claims["sale"] as? String == "demo")
        let header = try #require(
            try JSONSerialization.jsonObject(with: Data(decoded(parts[0]))) as? [String: Any])
        #expect(header["typ"] as? String == "ticket-proof+jwt")
        let pem = try String(contentsOfFile: scene.api.receiptKeyFile, encoding: .utf8)
        let key = try #require(pem.withBytes { try? ReceiptKeys(pem: $0) }).published[0]
        let signature = decoded(parts[2])
        #expect("\(parts[0]).\(parts[1])".withBytes { key.isValid(signature.span, for: $0) })
        // It is no receipt.
        let jwks = try scene.api.ask("GET", "/.well-known/jwks.json").body
        let verifier = try jwks.withBytes { try ReceiptVerifier(jwks: $0) }
        #expect(throws: Receipt.Refusal.wrongType) { try proof.withBytes { try verifier.receipt($0) } }
        // The same ticket always has the same proof.
        #expect(try scene.place(ticket).json["proof"] as? String == proof)
    }

    @Test func `without a receipt key has no proofs`() throws {
        let scene = try RoomScene(["SALE_RECEIPT_KEY_FILE": ""], opensIn: 60_000)
        #expect(try scene.place(scene.ticket("a")).json["proof"] is NSNull)
    }

    @Test func `shows waiting buyers a changed schedule`() throws {
        let scene = try RoomScene(rate: 1, opensIn: 3_600_000)
        for index in 0..<9 { _ = try scene.ticket("b-\(index)") }
        let ticket = try scene.ticket("last")
        let opensAt = try #require(try scene.redis.status(scene.sale)?.opensAt)
        #expect(try scene.place(ticket).json["turn_at"] as? String == UnixMilliseconds(opensAt.value + 10_000).rfc3339)
        _ = try scene.redis.admit(scene.sale, .rate(10))
        let moved = UnixMilliseconds(opensAt.value + 1000).rfc3339
        #expect(try eventually { try scene.place(ticket).json["turn_at"] as? String == moved })
        _ = try scene.redis.admit(scene.sale, .pause)
        #expect(try eventually { try scene.place(ticket).json["turn_at"] is NSNull })
        let refused = try scene.api.buy("demo", "last", "k", ticket: ticket)
        #expect(refused.problem == "turn-not-yet")
        #expect(refused.json["turn_at"] is NSNull)
        #expect((refused["Retry-After"].flatMap { Int($0) } ?? 0) >= 5)
    }

    @Test func `accepts only an empty body or {}`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let path = "/v1/sales/demo/queue"
        func join(_ body: String, _ fields: [(String, String)]) throws -> HTTPAnswer {
            try scene.api.ask("POST", path, [scene.api.bearer("a")] + fields, body: body)
        }
        let json = ("Content-Type", "application/json; charset=utf-8")
        for (index, body) in ["", "{}", "{ }", "{}\n"].enumerated() {
            #expect(try join(body, [json]).status == (index == 0 ? 201 : 200), "\(body)")
        }
        for body in [#"{"position":1}"#, "[]", "{", "{}{}", " "] {
            let answer = try join(body, [json])
            #expect(answer.status == 400, "\(body)")
            #expect(answer.problem == "malformed-body")
        }
        for fields in [
            [], [("Content-Type", "application/x-www-form-urlencoded")], [json, ("Content-Encoding", "gzip")],
        ] {
            let answer = try join("{}", fields)
            #expect(answer.status == 415, "\(fields)")
            #expect(answer.problem == "unsupported-media-type")
        }
        #expect(try scene.api.ask("POST", path).status == 401)
        #expect(try scene.api.ask("PUT", path)["Allow"] == "GET, HEAD, OPTIONS, POST")
    }

    @Test func `limits each buyer's rate, and apart from that the rate of whoever shows its ticket`() throws {
        let scene = try RoomScene(["SALE_RATE_LIMIT": "2/60s"], opensIn: 60_000)
        let ticket = try scene.ticket("a")
        for _ in 0..<2 { #expect(try scene.place(ticket).status == 200) }
        #expect(try scene.place(ticket).status == 429)
        #expect(try scene.api.join("demo", "a").status == 200)
        #expect(try scene.api.join("demo", "a").status == 429)
        #expect(try scene.api.join("demo", "b").status == 201)
    }

    @Test func `does not count who comes back when an answer has asked for it`() throws {
        let scene = try RoomScene(["SALE_RATE_LIMIT": "1/1h"], opensIn: 1000)
        // It has used up its allowance by joining, and may buy all the same once its turn has come.
        let ticket = try scene.ticket("a")
        #expect(try eventually { try scene.api.buy("demo", "a", "k", ticket: ticket).status == 201 })
    }

    @Test func `does not count a second look at a place that could not be shown`() throws {
        let scene = try RoomScene(["SALE_RATE_LIMIT": "1/1h"], opensIn: 60_000)
        let ticket = try scene.ticket("a")
        scene.api.redis.crash()
        #expect(try eventually { try scene.api.ask("GET", "/readyz").status == 503 })
        #expect(try scene.place(ticket).status == 503)
        #expect(try eventually { try scene.place(ticket).status == 503 })
    }

    @Test func `is unavailable while Redis is away or fenced`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let ticket = try scene.ticket("a")
        scene.api.redis.crash()
        #expect(try eventually { try scene.api.join("demo", "b").status == 503 })
        #expect(try scene.api.ask("GET", "/v1/sales/demo/queue").status == 503)
        try scene.api.redis.restart()
        #expect(try scene.api.awaitReady())
        // Another run_id: Redis has not been compared with SQLite yet.
        let fenced = try scene.api.join("demo", "b")
        #expect(fenced.status == 503)
        #expect((1...3).contains(fenced["Retry-After"].flatMap { Int($0) } ?? 0))
        #expect(try scene.api.buy("demo", "a", "k", ticket: ticket).status == 503)
    }

    @Test func `is unavailable, not unknown, if Redis has lost the sale`() throws {
        let scene = try RoomScene(opensIn: 60_000)
        let ticket = try scene.ticket("a")
        #expect(try scene.place(ticket).status == 200)
        try scene.redis.command(["FLUSHALL"])
        #expect(try scene.api.join("demo", "b").status == 503)
        #expect(try eventually { try scene.place(ticket).status == 503 })
        #expect(try scene.api.ask("GET", "/v1/sales/demo/queue").status == 503)
    }

    @Test func `answers 202 if a join was sent, 503 if not, and the same position later`() throws {
        let scene = try RoomScene(["SALE_DEADLINE_MS": "300"], opensIn: 60_000)
        _ = try scene.ticket("a")
        let sent = try scene.api.pausingRedis {
            let client = try scene.api.connect()
            try client.send("POST", "/v1/sales/demo/queue", headers: [scene.api.bearer("b")])
            return client
        }
        let pending = #"sale_joins_total{outcome="pending"}"#
        // On a slow machine it has been answered by now.
        #expect(
            try eventually { try scene.api.metric("sale_joins_waiting") == 1 || scene.api.metric(pending) == 1 })
        // The answer to /metrics left after that pass had sent its batches: the join is with Redis.
        let waiting = try scene.api.connect()
        try waiting.send("POST", "/v1/sales/demo/queue", headers: [scene.api.bearer("c")])
        #expect(try sent.answer().status == 202)
        #expect(try waiting.answer().status == 503)
        #expect(try scene.api.metric(pending) == 1)
        #expect(try scene.api.metric("sale_joins_total{outcome=\"refused\"}") == 1)
        scene.api.redis.resume()
        #expect(try eventually { try scene.api.join("demo", "b").json["position"] as? Int == 2 })
        #expect(try scene.api.join("demo", "c").json["position"] as? Int == 3)
    }

    @Test func `answers 202 if the answer to a join was lost: it may have been done`() throws {
        let api = try APIUnderTest(throughProxy: true)
        let scene = try RoomScene(opensIn: 60_000, api: api)
        // The first call teaches Redis the script.
        _ = try scene.ticket("a")
        api.proxy!.loseNextReply()
        #expect(try api.join("demo", "b").status == 202)
        #expect(api.proxy!.lost == 1)
        #expect(try api.awaitReady())
        let again = try api.join("demo", "b")
        #expect(again.status == 200)
        #expect(again.json["position"] as? Int == 2)
    }

    /// A waiting room whose positions a replica must have.
    private func startWithReplica() throws -> (scene: RoomScene, replica: RedisServer) {
        let api = try APIUnderTest(
            redisSettings: RedisServer.followed() + ["--min-replicas-to-write", "1"], ["SALE_REDIS_REPLICAS": "1"],
            ready: false)
        let replica = try api.redis.replica()
        #expect(try api.awaitReady())
        return (try RoomScene(opensIn: 60_000, api: api), replica)
    }

    @Test func `reveals a position only once the replica has it`() throws {
        let (scene, replica) = try startWithReplica()
        // On a slow machine the replica may take too long the first time.
        #expect(try eventually { try [200, 201].contains(scene.api.join("demo", "a").status) })
        let tickets = try replica.connect().command(["HGETALL", "\(SaleKeys(scene.sale).tickets)"])
        #expect(tickets.strings == ["a", "1"])
        replica.pause()
        let pending = try scene.api.join("demo", "b")
        #expect(pending.status == 202)
        #expect(pending.json["ticket"] == nil)
        #expect(try scene.api.join("demo", "a").status == 503)
        replica.resume()
        #expect(try eventually { try scene.api.join("demo", "b").json["position"] as? Int == 2 })
    }

    @Test func `refuses a join that is turned away even if the replica is silent: nothing was done`() throws {
        let (scene, replica) = try startWithReplica()
        replica.pause()
        try scene.redis.command(["HSET", "\(SaleKeys(scene.sale).sale)", "serving_run_id", "another"])
        #expect(try scene.api.join("demo", "a").status == 503)
        #expect(try scene.api.ask("GET", "/readyz").body.contains("0 of 1 replicas acknowledge"))
        #expect(try scene.api.metric(#"sale_joins_total{outcome="pending"}"#) == 0)
        replica.resume()
    }

    @Test func `shows nothing that the replica may lack`() throws {
        let (scene, replica) = try startWithReplica()
        let page = { try scene.api.ask("GET", "/v1/sales/demo/queue") }
        #expect(try eventually { try page().status == 200 })
        replica.pause()
        // Another API process has given a position, and it is not known yet whether that survives.
        try scene.redis.command(["HSET", "\(SaleKeys(scene.sale).tickets)", "a", "1"])
        let refused = try eventually {
            let answer = try page()
            if answer.status == 200 { #expect(answer.json["joined"] as? Int == 0) }
            return answer.status == 503
        }
        #expect(refused)
        replica.resume()
        #expect(try eventually { try page().json["joined"] as? Int == 1 })
    }
}

@Suite struct `A place in a waiting room` {
    /// What the holder of a ticket sees of a sale that closes at 200,000 and whose turns last a second.
    private func place(
        _ position: Int, at now: Int, _ admission: String = "100000 0 10", turnsSince: Int = 0
    ) throws -> [String: Any] {
        let sale = SaleID("demo")!
        let room = try #require(WaitingRoom(admission: admission, turnWindow: 1000))
        let status = QueueStatus(
            sale: sale, uuid: "u", epoch: 1, room: room, turnsSince: UnixMilliseconds(turnsSince), lastPosition: 100,
            joined: 100, stockTotal: 5, remaining: 5, closesAt: UnixMilliseconds(200_000), pseudonymKey: "",
            readAt: UnixMilliseconds(now))
        let ticket = Ticket(sale: sale, uuid: "u", epoch: 1, buyer: "a", position: position)
        let text = ByteBuffer.json { $0.append(status, ticket, at: UnixMilliseconds(now)) }
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func `is admitted from its turn on, and to the last millisecond, as purchase.lua judges`() throws {
        for (now, state) in [(100_999, "waiting"), (101_000, "admitted"), (102_000, "admitted"), (102_001, "missed")] {
            #expect(try place(10, at: now)["state"] as? String == state, "\(now)")
        }
        for (now, state) in [(151_000, "admitted"), (151_001, "missed")] {
            #expect(try place(10, at: now, turnsSince: 150_000)["state"] as? String == state, "\(now)")
        }
    }

    @Test func `waits while nobody is admitted, and is missed if the schedule no longer has it`() throws {
        #expect(try place(10, at: 150_000, "100000 0 10 paused")["state"] as? String == "waiting")
        let forgotten = try place(10, at: 150_000, "100000 20 10")
        #expect(forgotten["state"] as? String == "missed")
        #expect(forgotten["turn_at"] is NSNull)
    }

    @Test func `is told that the sale has ended from its last moment on`() throws {
        #expect(try place(10, at: 199_999)["ended"] as? Bool == false)
        #expect(try place(10, at: 200_000)["ended"] as? Bool == true)
    }
}
