import CLinux
import EventLoop
import Shared

private let sweepMilliseconds = 500
/// Connections closed in one pass: at about 10 µs each, others wait for a millisecond and not, with all of a flood's
/// patience ending at once, for a hundred.
private let closedInPass = 100
/// Connections whose memory is worth giving back: 64 × 17.25 KiB = 1.1 MiB.
private let worthGivingBack = 64

/// How connections end that don't end themselves: for want of patience, or because the server stops.
extension HTTPServer {
    /// Closes what has waited too long. A sweep costs a look at each connection twice a second, a timer for each would
    /// cost two heap operations a request.
    func sweep(from first: UInt32 = 0) {
        var closed = 0
        for slot in first..<connections.slots.upperBound {
            guard let connection = connections[slot], let deadline = connection.deadline, deadline <= loop.now else {
                continue
            }
            if closed == closedInPass {
                loop.schedule(at: loop.now) { [weak self] in self?.sweep(from: slot) }
                return
            }
            if connection.state == .sending || !connection.input.isEmpty { counters.timedOut += 1 }
            close(connection)
            closed += 1
        }
        giveMemoryBack()
        loop.schedule(afterMilliseconds: sweepMilliseconds) { [weak self] in self?.sweep() }
    }

    /// Hands the system the memory of connections that have gone, where those were many: malloc alone gives back only what
    /// is free at the very top, where something that stays always comes to lie.
    private func giveMemoryBack() {
        guard openMost >= worthGivingBack, counters.open <= openMost / 2 else { return }
        openMost = counters.open
        malloc_trim(0)
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
