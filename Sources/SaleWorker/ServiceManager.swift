import Glibc

/// Tells systemd how the service is doing (sd_notify(3)): datagrams to the socket that it names.
struct ServiceManager {
    private let socketPath: String?

    /// Does nothing where NOTIFY_SOCKET is not set.
    init(_ environment: [String: String]) { socketPath = environment["NOTIFY_SOCKET"] }

    enum State: String {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
    }

    func notify(_ state: State, status: String) { send("\(state.rawValue)\nSTATUS=\(status)\n") }

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
