import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// What a flood may take from a process, and what the process must give back. The client that asks was connected
/// before.
@Suite(.serialized) struct `In a flood, sale-api` {
    /// script/test sets this for both sanitizers.
    private static let isSanitized = ProcessInfo.processInfo.environment["ASAN_OPTIONS"] != nil

    init() { Program.raiseDescriptorLimit(to: 4096) }

    @Test func `keeps descriptors for itself, and gets to Redis again although clients have all others`() throws {
        let api = try APIUnderTest(descriptors: 100)
        #expect(api.process.errors.contains("\"connections_limited\",\"connections\":68,\"descriptors\":100"))
        let redis = try api.redis.connect()
        try TestSale.create(redis)
        let honest = try api.connect()
        #expect(try honest.ask("GET", "/readyz").status == 200)
        let before = try api.process.descriptors
        var others = try (0..<200).map { _ in try api.connect() }
        #expect(try eventually { try api.metric("sale_http_connections_overflowed_total", honest) == 133 })
        #expect(try api.metric("sale_http_connections", honest) == 68)
        _ = try redis.command(["CLIENT", "KILL", "TYPE", "normal"])
        #expect(try eventually { try api.metric("sale_redis_losses_total", honest) == 1 })
        #expect(try eventually { try honest.ask("GET", "/readyz").status == 200 })
        let bought = try honest.ask(
            "POST", "/v1/sales/demo/purchases", headers: api.headers("b1", "k1", quantity: nil))
        #expect(bought.status == 201)
        others.removeAll()
        #expect(try eventually { try api.process.descriptors == before })
        #expect(try api.buy("demo", "b2", "k2").status == 201)
    }

    @Test func `without a descriptor does not spin, serves who is connected, and lets in others when it can`() throws {
        let api = try APIUnderTest()
        let honest = try api.connect()
        #expect(try honest.ask("GET", "/livez").status == 200)
        let before = try api.process.descriptors
        // Descriptor 0 is taken, so none is left.
        try api.process.limitDescriptors(to: 1)
        let others = try (0..<50).map { _ in try api.connect() }
        for client in others { try client.send("GET", "/livez") }
        #expect(try honest.ask("GET", "/livez").status == 200)
        // Clients wait all the time; a loop that spins would use the whole half second.
        let used = try api.process.cpuMilliseconds
        usleep(500_000)
        #expect(try api.process.cpuMilliseconds - used < 100)
        #expect(try api.process.descriptors == before)
        try api.process.limitDescriptors(to: 1024)
        for client in others { #expect(try client.answer().status == 200) }
        #expect(try api.metric("sale_http_connections_overflowed_total", honest) == 0)
    }

    @Test(.disabled(if: isSanitized, "a sanitizer keeps what is freed"))
    func `holds little for each of a thousand slow clients, and gives it back`() throws {
        let api = try APIUnderTest()
        let honest = try api.connect()
        #expect(try honest.ask("GET", "/v1/sales").status == 200)
        let before = (memory: try api.process.residentKiB, descriptors: try api.process.descriptors)
        // The longest head whose end it waits for: 1000 × 16,000 bytes = 15.3 MiB.
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: "
        let slow = head + String(repeating: "x", count: 16_000 - head.utf8.count)
        var others = try (0..<1000).map { _ in try api.connect() }
        for client in others { try client.send(raw: slow) }
        #expect(try eventually { try api.process.residentKiB - before.memory > 15 * 1024 })
        #expect(try honest.ask("GET", "/v1/sales").status == 200)
        #expect(try api.process.residentKiB - before.memory < 24 * 1024)
        others.removeAll()
        #expect(try eventually { try api.process.descriptors == before.descriptors })
        // The table of connections stays, and pages that are partly in use.
        var kept = 0
        _ = try eventually {
            kept = try api.process.residentKiB - before.memory
            return kept < 2 * 1024
        }
        #expect(kept < 2 * 1024)
        #expect(try honest.ask("GET", "/v1/sales").status == 200)
    }
}

extension ChildProcess {
    /// The number of its open descriptors.
    fileprivate var descriptors: Int {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").count }
    }

    /// Its resident memory.
    fileprivate var residentKiB: Int {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
    }

    /// Its CPU time so far; the kernel counts in ticks of 10 ms.
    fileprivate var cpuMilliseconds: Int {
        get throws {
            let stat = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
            let fields = stat[stat.lastIndex(of: ")")!...].split(separator: " ")
            return (Int(fields[12])! + Int(fields[13])!) * 10
        }
    }

    /// Limits the number of its descriptors.
    fileprivate func limitDescriptors(to most: Int) throws {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/prlimit"), ["--pid", "\(id)", "--nofile=\(most):"])
        guard result.code == 0 else { throw UnixHTTPClient.Failure("prlimit: \(result.errors)") }
    }
}
