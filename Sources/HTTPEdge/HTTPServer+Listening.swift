import CLinux
package import EventLoop
import Glibc

private let acceptPauseMilliseconds = 100

/// From a listening socket to an open connection.
extension HTTPServer {
    /// Serves the connections of a listening socket, which the server owns from here. All requests go to `handler`, which must
    /// outlive the server.
    package func serve(_ listener: Listener, handler: any HTTPHandler) throws(SystemError) {
        self.handler = handler
        listener.server = self
        listener.registration = try loop.register(listener.descriptor, for: .readable, listener)
        listeners.append(listener)
    }

    /// Takes connections that wait, `most` of them: a flood's cost 25 µs each, their end included, so that those
    /// which are open wait for a millisecond.
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

    /// Out of descriptors: the waiting connection would make the listener ready for ever. Look again when some are free.
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
        openMost = max(openMost, counters.open)
    }
}
