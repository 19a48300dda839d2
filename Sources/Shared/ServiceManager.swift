import Glibc

/// Notifies systemd of the service's state (sd_notify(3)), with datagrams to the socket that systemd names.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// How often to notify the watchdog: three times as often as systemd asks for, so that one late notification
    /// doesn't end the service; nil if it doesn't ask.
    package let watchdogMilliseconds: Int?

    /// If NOTIFY_SOCKET is not set, it does nothing.
    package init(_ environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"]
        // If a shell in between has started us, WATCHDOG_PID is not our process.
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int($0) } ?? 0
        watchdogMilliseconds = isOurs && microseconds > 0 && socketPath != nil ? max(1, microseconds / 3000) : nil
    }

    package enum State: String {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
    }

    package func notify(_ state: State, status: String) { send("\(state.rawValue)\nSTATUS=\(status)\n") }

    /// Notifies the watchdog. Call it where the work is done: a separate thread would keep notifying while that hangs.
    package func notifyWatchdog() { send("WATCHDOG=1\n") }

    private func send(_ message: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        guard path.count > 1, path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }  // an abstract socket
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // Every byte of an abstract name counts, so the length must end with it (unix(7)).
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
