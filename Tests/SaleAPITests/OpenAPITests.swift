import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// docs/openapi.yaml against the running server, by Tests/contract/check_openapi.py.
@Suite struct `The OpenAPI document` {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A server that has a sale of every kind, and a server without Redis.
    private final class Scene {
        let ready: APIUnderTest
        let down: APIUnderTest
        let worker: ChildProcess
        let ledger: String
        private let tickets: [String: String]

        init() throws {
            ready = try APIUnderTest(["SALE_RATE_LIMIT": "20/10s"])
            down = try APIUnderTest(["SALE_REDIS_URL": "unix:///nowhere/redis.sock"], ready: false)
            let redis = try ready.redis.connect()
            let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
            try TestSale.create(redis, "open", stock: 1000, maxPerBuyer: 50)
            try TestSale.create(redis, "one-left", stock: 1, maxPerBuyer: 2)
            try TestSale.create(redis, "sold-out", stock: 0)
            try TestSale.create(redis, "scheduled", opensAt: later)
            _ = try redis.control(try TestSale.create(redis, "paused"), .pause)
            _ = try redis.control(try TestSale.create(redis, "ended"), .close)
            let stuck = try TestSale.create(redis, "stuck")
            try redis.command(["SET", "\(SaleKeys(stuck).buyers)", "not a hash"])
            tickets = try Self.openRooms(redis, keys: ready.keys())
            let directory = ready.redis.directory
            ledger = directory.path("ledger.sock")
            worker = try ChildProcess(
                ChildProcess.product("sale-worker"),
                environment: [
                    "SALE_REDIS_URL": ready.redis.url, "SALE_DATABASE": directory.path("sale.db"),
                    "SALE_OPS_LISTEN": "unix:\(directory.path("ops.sock"))", "SALE_LEDGER_LISTEN": "unix:\(ledger)",
                ], errorLog: directory.url.appendingPathComponent("worker.log"))
            let stored = eventually {
                let answer = try? UnixHTTPClient(ledger).ask("GET", "/v1/sales/open/ledger/head")
                return answer?.status == 200
            }
            guard stored else { throw UnixHTTPClient.Failure("the worker stores nothing: \(worker.errors)") }
        }

        /// Makes sales with a waiting room. Returns a ticket whose turn it is, and one for each way to be refused.
        private static func openRooms(_ redis: BlockingRedis, keys: KeySet) throws -> [String: String] {
            let room = try TestSale.create(redis, "room", admission: .init(rate: 10))
            let soldOut = try TestSale.create(redis, "room-sold-out", stock: 0, admission: .init(rate: 10))
            _ = try redis.control(try TestSale.create(redis, "room-ended", admission: .init(rate: 10)), .close)
            // Admission began ten minutes ago and a turn lasts two, so it is the turn of 4800 to 6000.
            let began = try redis.time().value - 600_000
            try redis.command(["HSET", "\(SaleKeys(room).sale)", "admission", "\(began) 0 10"])
            var mint = TicketMint(keys: keys)
            func ticket(_ position: Int, epoch: Int = 1, sale: SaleID) throws -> String {
                let uuid = try redis.status(sale)?.uuid ?? ""
                var text = ByteBuffer()
                "b3".withBytes {
                    mint.append(sale: sale, uuid: uuid, epoch: epoch, buyer: $0, position: position, to: &text)
                }
                return text.string
            }
            return [
                "good": try ticket(5500, sale: room), "early": try ticket(900_000, sale: room),
                "missed": try ticket(1, sale: room), "outdated": try ticket(5500, epoch: 9, sale: room),
                "foreign": try ticket(5500, sale: soldOut),
            ]
        }

        /// Runs the check against a document.
        func check(_ document: URL) throws -> (code: Int32, output: String, errors: String) {
            let file = ready.redis.directory.url.appendingPathComponent("scene.json")
            let scene: [String: [String: String]] = [
                "sockets": ["ready": ready.socket, "down": down.socket, "ledger": ledger],
                "tokens": ["buyer": ready.token("b1"), "other": ready.token("b2"), "waiting": ready.token("b3")],
                "tickets": tickets,
            ]
            try JSONEncoder().encode(scene).write(to: file)
            return try ChildProcess.run(
                URL(fileURLWithPath: "/usr/bin/python3"),
                [root.appendingPathComponent("Tests/contract/check_openapi.py").path, document.path, file.path])
        }
    }

    @Test func `describes every answer of the server, and nothing else`() throws {
        let result = try Scene().check(Self.root.appendingPathComponent("docs/openapi.yaml"))
        #expect(result.code == 0, "\(result.output)\(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test func `fails the check if it differs from the server in anything`() throws {
        let scene = try Scene()
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/openapi.yaml"), encoding: .utf8)
        let document = scene.ready.redis.directory.url.appendingPathComponent("damaged.yaml")
        let damages = [
            (
                "        '422':", "        '423':",
                ["buy 422: not documented", "buy 423: IdempotencyKeyReused never came"]
            ),
            ("status: { const: live }", "status: { const: alive }", ["live 200: "]),
            ("            Idempotent-Replayed:", "            Idempotent-Repeated:", ["buy 200: "]),
            ("text/plain; version=0.0.4", "text/plain; version=1", ["metrics 200: "]),
            ("        queue:\n", "        line:\n", ["showSale 200: ", "schema Sale"]),
            ("      x-not-provoked: ", "      x-note: ", ["buy 503: Overloaded never came"]),
        ]
        for (original, damaged, findings) in damages {
            #expect(text.contains(original), "the document has changed: \(original)")
            try text.replacingOccurrences(of: original, with: damaged)
                .write(to: document, atomically: true, encoding: .utf8)
            let result = try scene.check(document)
            #expect(result.code == 1)
            for finding in findings { #expect(result.output.contains(finding), "\(damaged): \(result.output)") }
        }
    }
}
