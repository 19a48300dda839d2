package import EventLoop
import Glibc
package import Shared

/// A listening socket.
package final class Listener: EventHandler {
    /// Connections that the kernel queues while the loop is busy; somaxconn caps it (4096 on Linux since 5.4).
    static let backlog = 4096
    /// Bytes of answers that the kernel holds for a client that doesn't read them (twice that, with its own
    /// accounting). By default it would be up to 4 MiB, more than a thousand answers; the largest answer of the API has
    /// 25 KB.
    private static let sendBytes: Int32 = 65_536

    let descriptor: Int32
    /// A Unix socket's path, which is removed when listening stops.
    private let path: String?
    weak var server: HTTPServer?
    var registration: EventLoop.Registration?

    private init(_ descriptor: Int32, path: String?) {
        self.descriptor = descriptor
        self.path = path
        // Accepted TCP connections inherit it from the listener.
        var sendBytes = Self.sendBytes
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &sendBytes, 4)
    }

    /// Listens on `address`. A Unix socket that nobody serves any more is replaced.
    package convenience init(_ address: SocketAddress) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var path: String?
        if case .unix(let name) = address {
            path = name
            if Self.isAbandoned(name) { unlink(name) }
        }
        guard let bound = address.withSockaddr({ bind(descriptor, $0, $1) }) else {
            close(descriptor)
            throw SystemError("bind to \(address)", code: EADDRNOTAVAIL)
        }
        guard bound == 0, listen(descriptor, Int32(Self.backlog)) == 0 else {
            let error = SystemError("bind to \(address)")
            close(descriptor)
            throw error
        }
        self.init(descriptor, path: path)
    }

    /// The first socket that systemd handed over (sd_listen_fds(3)); nil if it handed over none.
    package static func inherited(_ environment: [String: String]) -> Listener? {
        guard let process = environment["LISTEN_PID"], Int32(process) == getpid(),
            let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), count >= 1
        else { return nil }
        let first: Int32 = 3
        _ = fcntl(first, F_SETFL, fcntl(first, F_GETFL) | O_NONBLOCK)
        _ = fcntl(first, F_SETFD, FD_CLOEXEC)
        return Listener(first, path: nil)
    }

    /// The TCP port that it listens on; nil for a Unix socket.
    package var port: UInt16? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return code == 0 && Int32(address.sin_family) != AF_UNIX ? UInt16(bigEndian: address.sin_port) : nil
    }

    package func ready(_ readiness: Readiness) { server?.accept(self) }

    func stop(_ loop: EventLoop) {
        if let registration { loop.deregister(registration) }
        registration = nil
        close(descriptor)
        if let path { unlink(path) }
    }

    /// Whether a path is a Unix socket whose server was killed before it could remove it.
    ///
    /// Anything else stays: a regular file named in the settings by mistake is somebody's data, and a connect that is
    /// not refused (EAGAIN: the backlog is full) has found a server.
    private static func isAbandoned(_ path: String) -> Bool {
        var facts = stat()
        guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK else { return false }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let probe = socket(AF_UNIX, type, 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        return SocketAddress.unix(path: path).withSockaddr { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
    }
}
