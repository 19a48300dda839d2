import Glibc

/// Tells systemd how the service is doing (sd_notify(3)): datagrams to the socket that it names.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// How often systemd is to be told that the service lives: three times as often as it asks for, so that one late turn is
    /// not taken for the end; nil where it doesn't ask.
    package let watchdogMilliseconds: Int?

    /// Does nothing where NOTIFY_SOCKET is not set.
    package init(_ environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"]
        // WATCHDOG_PID is not of a process of ours where a shell has started us in between.
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int($0) } ?? 0
        watchdogMilliseconds = isOurs && microseconds > 0 && socketPath != nil ? max(1, microseconds / 3000) : nil
    }

    package enum State: String {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
    }

    package func notify(_ state: State, status: String) { send("\(state.rawValue)\nSTATUS=\(status)\n") }

    /// Says that the service lives. Call it from where the work is done: a thread of its own would live on when that hangs.
    package func isAlive() { send("WATCHDOG=1\n") }

    private func send(_ message: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        guard path.count > 1, path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }  // an abstract socket
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // Of an abstract name every byte counts, so the length must end with it (unix(7)).
        let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path)! + path.count)

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}
