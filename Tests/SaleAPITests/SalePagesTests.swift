import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The public page` {
    @Test func `of one sale has all members`() throws {
        let api = try APIUnderTest()
        let opens = UnixMilliseconds(1_700_000_000_000)
        _ = try TestSale.create(
            try api.redis.connect(), "drop-1", stock: 5, maxPerBuyer: 2, opensAt: opens, title: "Zoë \"drop\"")
        #expect(try api.buy("drop-1", "b1", "k1", quantity: 2).status == 201)
        let answer = try api.ask("GET", "/v1/sales/drop-1")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["Cache-Control"] == "public, max-age=1")
        let json = answer.json
        #expect(
            Set(json.keys) == [
                "sale", "title", "state", "opens_at", "closes_at", "stock", "remaining", "max_per_buyer", "server_time",
                "queue",
            ])
        #expect(json["sale"] as? String == "drop-1")
        #expect(json["title"] as? String == "Zoë \"drop\"")
        #expect(json["state"] as? String == "open")
        #expect(json["opens_at"] as? String == "2023-11-14T22:13:20.000Z")
        #expect(json["closes_at"] is NSNull)
        #expect(json["stock"] as? Int == 5)
        #expect(json["remaining"] as? Int == 3)
        #expect(json["max_per_buyer"] as? Int == 2)
        #expect(json["queue"] is NSNull)
        let time = try #require(UnixMilliseconds(rfc3339: json["server_time"] as? String ?? ""))
        #expect(abs(time.value - UnixMilliseconds.now.value) < 60_000)
    }

    @Test func `of all sales is a list in order of their names, maybe empty`() throws {
        let api = try APIUnderTest()
        #expect(try api.ask("GET", "/v1/sales").json["sales"] as? [String] == [])
        let redis = try api.redis.connect()
        for name in ["b", "a", "c"] { try TestSale.create(redis, name) }
        #expect(
            try eventually {
                let sales = try api.ask("GET", "/v1/sales").json["sales"] as? [[String: Any]]
                return sales?.compactMap { $0["sale"] as? String } == ["a", "b", "c"]
            })
    }

    @Test func `shows the state of a sale`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        try TestSale.create(redis, "open")
        try TestSale.create(redis, "scheduled", opensAt: later)
        try TestSale.create(redis, "sold-out", stock: 0)
        _ = try redis.control(try TestSale.create(redis, "paused"), .pause)
        _ = try redis.control(try TestSale.create(redis, "ended"), .close)
        for name in ["open", "scheduled", "sold-out", "paused", "ended"] {
            let state = try api.ask("GET", "/v1/sales/\(name)").json["state"] as? String
            #expect(state == (name == "sold-out" ? "sold_out" : name))
        }
    }

    @Test func `is 304 for a client that has it, until something changes`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect())
        for target in ["/v1/sales", "/v1/sales/demo"] {
            let tag = try #require(try api.ask("GET", target)["ETag"])
            #expect(tag.hasPrefix("W/\""))
            let conditions = [
                [tag], ["\"x\", \(tag)"], ["\"x\"", tag], [tag, "\"x\""], ["*"], [String(tag.dropFirst(2))],
            ]
            for condition in conditions {
                let answer = try api.ask("GET", target, condition.map { ("If-None-Match", $0) })
                #expect(answer.status == 304, "\(condition)")
                #expect(answer.body.isEmpty)
                #expect(answer["ETag"] == tag)
                #expect(answer["Cache-Control"] == "public, max-age=1")
                #expect(answer["Content-Type"] == nil)
                #expect(answer["Content-Length"] == nil)
            }
            #expect(try api.ask("GET", target, [("If-None-Match", "W/\"other\"")]).status == 200)
            #expect(try api.buy("demo", "buyer-of-\(target.utf8.count)", "k1").status == 201)
            #expect(
                try eventually {
                    let answer = try api.ask("GET", target, [("If-None-Match", tag)])
                    return answer.status == 200 && answer["ETag"] != tag
                })
        }
    }

    @Test func `costs Redis one read for many concurrent requests`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["CONFIG", "RESETSTAT"])
        let clients = try (0..<50).map { _ in try api.connect() }
        // All of them arrive before the process looks.
        api.process.signal(SIGSTOP)
        for client in clients { try client.send("GET", "/v1/sales/demo") }
        api.process.signal(SIGCONT)
        for client in clients { #expect(try client.answer().status == 200) }
        // One more if they take more than a pass of the loop.
        #expect((1...2).contains(try redis.calls("smembers")))
    }

    @Test func `has the same headers for HEAD, and no body`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect())
        for target in [
            "/v1/sales", "/v1/sales/demo", "/.well-known/jwks.json", "/livez", "/readyz", "/metrics", "/nosuch",
        ] {
            let client = try api.connect()
            let get = try client.ask("GET", target)
            let head = try client.ask("HEAD", target)
            #expect(head.status == get.status)
            #expect(head.headers.map(\.name) == get.headers.map(\.name))
            #expect(head.body.isEmpty)
            // Nothing is left over on the connection.
            #expect(try client.ask("GET", "/livez").json["status"] as? String == "live")
        }
    }

    @Test func `of an unknown sale is 404`() throws {
        let api = try APIUnderTest()
        let answer = try api.ask("GET", "/v1/sales/nosuch")
        #expect(answer.status == 404)
        expectProblem(answer)
    }

    @Test func `of a sale that lacks a part is 503, and does not hide other sales`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, "broken")
        try TestSale.create(redis, "whole")
        try redis.command(["DEL", "\(SaleKeys(sale).stock)"])
        let answer = try api.ask("GET", "/v1/sales/broken")
        #expect(answer.status == 503)
        expectProblem(answer)
        #expect(try api.ask("GET", "/v1/sales/whole").status == 200)
        #expect((try api.ask("GET", "/v1/sales").json["sales"] as? [Any])?.count == 1)
    }
}
