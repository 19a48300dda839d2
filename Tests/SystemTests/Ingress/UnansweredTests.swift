import Foundation
import Glibc
import RedisClient
import Shared
import TestSupport
import Testing

/// A server that reads a request and closes without an answer, like a process that dies in the middle of one.
private final class Mute: @unchecked Sendable {
    // Its thread only reads the descriptor and counts under the lock.
    let path: String
    private let directory: TemporaryDirectory
    private let descriptor: Int32
    private let lock = NSLock()
    private var requests = 0

    init(closesAfterMilliseconds milliseconds: UInt32 = 0) throws {
        directory = try TemporaryDirectory()
        path = directory.path("mute.sock")
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let bound = SocketAddress.unix(path: path).withSockaddr { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, 64) == 0 else { throw UnixHTTPClient.Failure("bind: \(errno)") }
        Thread.detachNewThread { [self, descriptor] in
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { return }
                var bytes = [UInt8](repeating: 0, count: 16_384)
                let count = recv(client, &bytes, bytes.count, 0)
                if count > 0 { lock.withLock { requests += 1 } }
                usleep(milliseconds * 1000)
                close(client)
            }
        }
    }

    var seen: Int { lock.withLock { requests } }

    /// Stops listening: connections are refused.
    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// A process that hangs: the kernel takes connections and requests for it, and nobody ever reads them.
private final class Frozen {
    let path: String
    private let directory: TemporaryDirectory
    private let descriptor: Int32

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.path("frozen.sock")
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let bound = SocketAddress.unix(path: path).withSockaddr { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, 64) == 0 else { throw UnixHTTPClient.Failure("bind: \(errno)") }
    }

    deinit { close(descriptor) }
}

@Suite struct `An ingress in front of processes that hang` {
    @Test func `answers within three seconds`() throws {
        let requests = [
            ("POST", "/v1/sales/demo/purchases", 202), ("POST", "/v1/sales/demo/queue", 202),
            ("GET", "/v1/sales/demo/purchases", 503), ("GET", "/v1/sales/demo/queue", 503),
            ("GET", "/v1/sales/demo", 503), ("GET", "/.well-known/jwks.json", 503),
        ]
        // Again if it takes longer, as on a machine that stands still meanwhile. With another ingress, as this one has
        // set both processes aside.
        var answers: [HTTPAnswer] = []
        let isInTime = try eventually {
            let processes = try (0..<2).map { _ in try Frozen() }
            let ingress = try Ingress(
                .sale, ["sale-pool.conf": processes.map { "server unix:\($0.path);" }.joined(separator: "\n")])
            try ingress.start()
            let begun = ContinuousClock.now
            let clients = try requests.map { method, path, _ in
                let client = try UnixHTTPClient(ingress.socket)
                try client.send(method, path, body: method == "POST" ? "" : nil)
                return client
            }
            answers = try clients.map { try $0.answer() }
            return withExtendedLifetime((processes, ingress)) { ContinuousClock.now - begun < .seconds(3) }
        }
        #expect(isInTime)
        for (answer, (method, path, status)) in zip(answers, requests) {
            #expect(answer.status == status, "\(method) \(path): \(answer)")
            #expect(answer["retry-after"] == "1", "\(method) \(path)")
        }
    }

    @Test func `asks a second one only if there is time for another wait`() throws {
        func asked(closingAfterMilliseconds milliseconds: UInt32) throws -> Int {
            let processes = try (0..<2).map { _ in try Mute(closesAfterMilliseconds: milliseconds) }
            let ingress = try Ingress(
                .sale, ["sale-pool.conf": processes.map { "server unix:\($0.path);" }.joined(separator: "\n")])
            try ingress.start()
            #expect(try ingress.ask("GET", "/v1/sales/demo/orders/demo-1").status == 503)
            return processes.map(\.seen).reduce(0, +)
        }
        // Again, in case the machine stood still for as long as that.
        #expect(try eventually { try asked(closingAfterMilliseconds: 0) == 2 })
        #expect(try asked(closingAfterMilliseconds: 500) == 1)
    }

    @Test func `shows public pages as long as one process answers`() throws {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect())
        // Again, with another ingress, only if both processes were waited for (1.3 s each): the machine stood still.
        let isInTime = try eventually {
            let frozen = try Frozen()
            let ingress = try system.ingress(
                pool: ["unix:\(frozen.path)", "unix:\(system.directory.path("api-0.sock"))"])
            try ingress.start()
            for path in ["/v1/sales", "/v1/sales/demo", "/.well-known/jwks.json", "/v1/sales/demo"] {
                let begun = ContinuousClock.now
                let status = try ingress.ask("GET", path).status
                if status != 200, ContinuousClock.now - begun > .milliseconds(2500) { return false }
                #expect(status == 200, "\(path)")
            }
            return withExtendedLifetime((frozen, ingress)) { true }
        }
        #expect(isInTime)
    }
}

@Suite struct `A purchase that the ingress gets no answer to` {
    private static let sale = SaleID("demo")!

    @Test func `is never sent twice, and is said to be pending where it was sent`() throws {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100)
        let mute = try Mute()
        let ingress = try system.ingress(pool: ["unix:\(mute.path)", "unix:\(system.directory.path("api-0.sock"))"])
        try ingress.start()
        let tokens = try system.tokens("b", 30)
        var answers: [Int: Int] = [:]
        for (index, token) in tokens.enumerated() {
            let answer = try ingress.buy(Self.sale, token: token, key: "k\(index)")
            answers[answer.status, default: 0] += 1
            if answer.status == 202 {
                #expect(answer.body == "{\"status\":\"pending\"}")
                #expect(answer["retry-after"] == "1")
                #expect(answer["content-type"] == "application/json")
            }
        }
        let pending = answers[202, default: 0]
        #expect(pending > 0, "no token was routed to the server that says nothing")
        #expect(answers[201, default: 0] == tokens.count - pending, "\(answers)")
        // Each was sent to exactly one server, whatever the outcome.
        #expect(mute.seen == pending)
        #expect(try system.connect().status(Self.sale)?.position == tokens.count - pending)
    }

    @Test func `goes to another process if nothing was sent, and otherwise gets 503`() throws {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100)
        let mute = try Mute()
        mute.stop()
        let ingress = try system.ingress(pool: ["unix:\(mute.path)", "unix:\(system.directory.path("api-0.sock"))"])
        try ingress.start()
        let tokens = try system.tokens("b", 20)
        for (index, token) in tokens.enumerated() {
            #expect(try ingress.buy(Self.sale, token: token, key: "k\(index)").status == 201)
        }
        system.killAPI(0)
        for turn in 0..<10 {
            let refused = try ingress.buy(Self.sale, token: tokens[turn], key: "again\(turn)")
            #expect(refused.status == 503, "\(refused)")
            #expect(refused.problem == "unavailable")
            #expect(refused["retry-after"] == "1")
        }
        #expect(try ingress.ask("GET", "/v1/sales/demo").status == 503)
    }
}
