import EventLoop
import Glibc

/// Two connected descriptors, closed when it is released.
final class SocketPair {
    let near: Int32
    let far: Int32

    init() {
        var pair: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair)
        (near, far) = (pair[0], pair[1])
    }

    deinit {
        close(near)
        close(far)
    }

    func send() { _ = write(far, "x", 1) }

    /// Reads what was sent.
    func drain() {
        var byte: UInt8 = 0
        while read(near, &byte, 1) == 1 {}
    }
}

/// Records what its descriptor is ready for, and then runs `action`.
final class Recorder: EventHandler {
    private(set) var events: [Readiness] = []
    var action: () -> Void = {}

    func ready(_ readiness: Readiness) {
        events.append(readiness)
        action()
    }
}
