import Foundation
import Shared
import Synchronization

/// A relay between a client and a server on loopback TCP that records what passes in both directions.
package final class Wiretap: Sendable {
    private final class Heard: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    private let heard: Heard
    private let relay: Relay

    /// Listens on `port` of the loopback interface and forwards to `target`.
    package init(_ port: UInt16, to target: UInt16) throws {
        let heard = Heard()
        self.heard = heard
        relay = try Relay(.tcp(host: "127.0.0.1", port: port), to: .tcp(host: "127.0.0.1", port: target)) { _, piece in
            heard.bytes.withLock { $0 += piece }
            return true
        }
    }

    /// How many bytes have passed.
    package var count: Int { heard.bytes.withLock { $0.count } }

    /// Whether this text has passed.
    package func hears(_ text: String) -> Bool {
        heard.bytes.withLock { Data($0).range(of: Data(text.utf8)) != nil }
    }
}
