import EventLoop
import Shared

private let sweepMilliseconds = 500

/// How connections end that don't end themselves: for want of patience, or because the server stops.
extension HTTPServer {
    /// Closes what has waited too long. A sweep costs a look at each connection twice a second, a timer for each would
    /// cost two heap operations a request.
    func sweep() {
        for slot in connections.slots {
            guard let connection = connections[slot], let deadline = connection.deadline, deadline <= loop.now else {
                continue
            }
            if connection.state == .sending || !connection.input.isEmpty { counters.timedOut += 1 }
            close(connection)
        }
        loop.schedule(afterMilliseconds: sweepMilliseconds) { [weak self] in self?.sweep() }
    }

    /// Stops listening, closes idle connections, lets every request that is under way have its answer (which says
    /// `Connection: close`), and then calls `whenDrained`.
    package func drain(_ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        // Who waits in the backlog is connected, for all it knows: closing the listener would reset it.
        for listener in listeners { accept(listener, atMost: Listener.backlog) }
        stopListening()
        // By a timer, because a handler may have called us, with its request's bytes in `scratch`.
        loop.schedule(at: loop.now) { [weak self] in self?.closeIdle() }
        if counters.open == 0 { finishDraining() }
    }

    func stopListening() {
        for listener in listeners { listener.stop(loop) }
        listeners = []
    }

    /// Closes the connections that have no request under way; one that has arrived and was not read yet is.
    private func closeIdle() {
        for slot in connections.slots {
            guard let connection = connections[slot] else { continue }
            if connection.isIdle { receive(connection) }
            if connection.isIdle { close(connection) }
        }
    }

    func finishDraining() {
        guard let done = whenDrained else { return }
        whenDrained = nil
        done()
    }
}
