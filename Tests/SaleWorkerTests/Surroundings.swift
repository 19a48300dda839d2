import Foundation
import Glibc
import TestSupport

/// An in-memory disk of a few megabytes that a test can fill.
final class SmallDisk {
    private let directory: TemporaryDirectory

    init(megabytes: Int) throws {
        directory = try TemporaryDirectory()
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/mount"), ["-t", "tmpfs", "-o", "size=\(megabytes)m", "none", directory.url.path])
        guard result.code == 0 else { throw NSError(domain: result.errors, code: 1) }
    }

    deinit { _ = try? ChildProcess.run(URL(fileURLWithPath: "/bin/umount"), ["-l", directory.url.path]) }

    func path(_ name: String) -> String { directory.path(name) }

    /// Leaves almost no room.
    func fill() throws {
        let descriptor = open(path("ballast"), O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        let block = [UInt8](repeating: 1, count: 4096)
        while write(descriptor, block, block.count) == block.count {}
    }

    func makeRoom() throws {
        unlink(path("ballast"))
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/mount"), ["-o", "remount,size=64m", directory.url.path])
        guard result.code == 0 else { throw NSError(domain: result.errors, code: 1) }
    }
}

/// systemd's end of NOTIFY_SOCKET.
final class NotifySocket {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw NSError(domain: "bind", code: Int(errno)) }
    }

    deinit { close(descriptor) }

    /// The next message; "" if none comes.
    func receive() -> String {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Whether no message waits.
    var isEmpty: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) < 0
    }

    /// Drops the messages that wait or are on their way.
    func discard() {
        usleep(50_000)
        while !isEmpty { _ = receive() }
    }
}
