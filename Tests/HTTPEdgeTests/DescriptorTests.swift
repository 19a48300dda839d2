import EventLoop
import Foundation
import Glibc
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// The sockets that this process has open. The test library may open descriptors of other kinds at any time.
private func sockets() throws -> Int {
    let directory = "/proc/self/fd"
    return try FileManager.default.contentsOfDirectory(atPath: directory).count {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)"))?.hasPrefix("socket:") == true
    }
}

/// In processes of their own, where nothing else opens a descriptor.
@Suite struct `The server's descriptors` {
    @Test func `are all given back, however their connections ended`() async {
        await #expect(processExitsWith: .success) {
            let edge = try EdgeUnderTest(over: .tcp)
            let before = try sockets()
            for round in 0..<5 {
                var clients = try (0..<100).map { _ in try edge.connect() }
                for (index, client) in clients.enumerated() {
                    client.send([get, "GET / HT", "nonsense\r\n", ""][index % 4])
                }
                #expect(try edge.run { edge.server.counters.open == 100 })
                if round % 2 == 0 { for client in clients { client.reset() } }
                clients = []
                #expect(try edge.run { edge.server.counters.open == 0 })
            }
            let after = try sockets()
            #expect(after == before)
        }
    }

    @Test func `bring nobody the answer to a client that had the same one in the same pass`() async {
        await #expect(processExitsWith: .success) {
            let edge = try EdgeUnderTest(over: .tcp)
            edge.defers = true
            let gone = try edge.connect()
            gone.send(get)
            #expect(try edge.run { edge.deferred.count == 1 })
            // It is sent at the end of the next pass. Before that, its client goes and another one comes.
            edge.answer(edge.deferred[0], "for the one that has gone")
            gone.reset()
            let other = try edge.connect()
            try edge.settle()
            other.receive()
            #expect(edge.server.counters.accepted == 2 && edge.server.counters.open == 1)
            #expect(other.text.isEmpty)
        }
    }

    @Test func `may run out, and who had to wait is served when some are free again`() async {
        await #expect(processExitsWith: .success) {
            let edge = try EdgeUnderTest(clockAheadMilliseconds: 3_600_000)
            let served = try edge.connect()
            served.send(get)
            #expect(try served.responses(1).count == 1)
            let waiting = try edge.connect()
            waiting.send(get)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var none = limit
            none.rlim_cur = 0
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            try edge.settle()
            // The listener stays ready; a loop that kept watching it would not wait at all.
            let start = Instant.now
            try edge.loop.pass(waitMilliseconds: 100)
            #expect(Instant.now.microseconds(since: start) > 90_000, "the loop spins")
            served.send(get)
            #expect(try served.responses(2).count == 2)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            try edge.advance(milliseconds: 100)
            #expect(try waiting.responses(1).count == 1)
        }
    }
}
