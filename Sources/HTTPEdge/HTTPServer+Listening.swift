import CLinux
package import EventLoop
import Glibc

private let acceptPauseMilliseconds = 100

/// Accepting connections.
extension HTTPServer {
    /// Serves the connections of a listening socket, which the server owns from now on. All requests go to `handler`,
    /// which must outlive the server.
    package func serve(_ listener: Listener, handler: any HTTPHandler) throws(SystemError) {
        self.handler = handler
        listener.server = self
        listener.registration = try loop.register(listener.descriptor, for: .readable, listener)
        listeners.append(listener)
    }

    /// Accepts up to `most` waiting connections. In a flood each costs 25 µs, closing included, so the open ones wait
    /// for a millisecond.
    func accept(_ listener: Listener, atMost most: Int = 32) {
        for _ in 0..<most {
            let descriptor = CLinux_accept(listener.descriptor)
            if descriptor < 0 {
                let code = errno
                if code == ECONNABORTED || code == EINTR { continue }  // that client has gone; there may be others
                if code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM { pauseAccepting(listener) }
                return
            }
            counters.accepted += 1
            guard counters.open < limits.connections else {
                counters.overflowed += 1
                Glibc.close(descriptor)
                continue
            }
            open(descriptor)
        }
    }

    /// Stops accepting for a while when the process is out of descriptors, or the listener would be ready in every
    /// pass.
    private func pauseAccepting(_ listener: Listener) {
        guard let registration = listener.registration else { return }
        loop.update(registration, for: [])
        loop.schedule(afterMilliseconds: acceptPauseMilliseconds) { [weak self, weak listener] in
            guard let self, let registration = listener?.registration else { return }
            loop.update(registration, for: .readable)
        }
    }

    private func open(_ descriptor: Int32) {
        var one: Int32 = 1
        // Fails on a Unix socket, which has no Nagle to turn off.
        let isTCP = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4) == 0
        let connection = connections.insert { HTTPConnection(descriptor, isTCP: isTCP, slot: $0, server: self) }
        do {
            connection.registration = try loop.register(descriptor, for: .readable, connection)
        } catch {
            connections.remove(connection.slot)
            Glibc.close(descriptor)
            return
        }
        connection.deadline = loop.now.advanced(milliseconds: limits.idleMilliseconds)
        counters.open += 1
        peakOpen = max(peakOpen, counters.open)
    }
}
