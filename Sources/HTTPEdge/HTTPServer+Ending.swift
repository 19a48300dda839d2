import CLinux
import EventLoop
import Glibc
import Shared

private let sweepMilliseconds = 500
/// Connections closed in one pass: at about 10 µs each, others wait for a millisecond and not, with all of a flood's
/// patience ending at once, for a hundred.
private let closedInPass = 100
/// What a client may send after its last answer before we stop listening.
private let lingerBytesMax = 1 << 20
/// Connections whose memory is worth giving back: 64 × 17.25 KiB = 1.1 MiB.
private let worthGivingBack = 64

/// How connections end that don't end themselves: for want of patience, or because the server stops.
extension HTTPServer {
    /// Milliseconds for the first request of a connection that was taken last: nginx connects when it has one to send.
    package static let lastRequestMilliseconds = 1000

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

    /// Retires: goes on for `milliseconds`, but every answer says `Connection: close`; then takes no more connections, closes
    /// those that are still idle a second later, and calls `whenDrained`. Done earlier where nobody is connected.
    ///
    /// A proxy may send a request on an idle connection at the very moment in which we close it. The request is lost then, and
    /// a POST must not be sent again by anybody but the buyer. So we close none: an idle one is either used once more, and
    /// ends with that answer, or the proxy gives it up by itself, which it does within `milliseconds`.
    package func retire(afterMilliseconds milliseconds: Int, _ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        if counters.open == 0 { return finishDraining() }
        loop.schedule(afterMilliseconds: milliseconds) { [weak self] in self?.takeNoMore() }
    }

    /// What was accepted last has its second to send what it came for.
    private func takeNoMore() {
        guard whenDrained != nil else { return }
        acceptBacklog()
        stopListening()
        loop.schedule(afterMilliseconds: Self.lastRequestMilliseconds) { [weak self] in self?.closeIdle() }
    }

    /// Hands the system the memory of connections that have gone, where those were many: malloc alone gives back only what
    /// is free at the very top, where something that stays always comes to lie.
    private func giveMemoryBack() {
        guard openMost >= worthGivingBack, counters.open <= openMost / 2 else { return }
        openMost = counters.open
        malloc_trim(0)
    }

    /// Throws away what still comes in behind a last answer.
    ///
    /// TCP throws away all that waits at once, and copies none of it (tcp(7), MSG_TRUNC): a megabyte, read 17 KiB at a time,
    /// would take sixty passes and a third of a millisecond, and a few hundred clients who send on all of the process.
    func discard(_ connection: HTTPConnection, _ room: UnsafeMutableRawBufferPointer) {
        let count =
            connection.isTCP
            ? recv(connection.descriptor, nil, lingerBytesMax, Int32(MSG_TRUNC))
            : recv(connection.descriptor, room.baseAddress, room.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        connection.discardedBytes += count
        if count <= 0 || connection.discardedBytes > lingerBytesMax { close(connection) }
    }

    /// Stops listening, closes idle connections, lets every request that is under way have its answer (which says
    /// `Connection: close`), and then calls `whenDrained`.
    package func drain(_ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        acceptBacklog()
        stopListening()
        // By a timer, because a handler may have called us, with its request's bytes and others' in the inbox.
        loop.schedule(at: loop.now) { [weak self] in self?.closeIdle() }
        if counters.open == 0 { finishDraining() }
    }

    /// Who waits in the backlog is connected, for all it knows: closing the listener would reset it.
    private func acceptBacklog() {
        for listener in listeners { accept(listener, atMost: Listener.backlog) }
    }

    func stopListening() {
        for listener in listeners { listener.stop(loop) }
        listeners = []
    }

    /// Closes the connections that have no request under way; one that has arrived and was not read yet is.
    private func closeIdle() {
        idleAreClosed = true
        let idle = connections.slots.compactMap { connections[$0] }.filter(\.isIdle)
        for connection in idle { receive(connection) }
        understandReceived()
        for connection in idle where connection.isIdle { close(connection) }
    }

    /// Nobody is connected.
    func finishDraining() {
        guard let done = whenDrained else { return }
        acceptBacklog()
        guard counters.open == 0 else { return }
        stopListening()
        whenDrained = nil
        done()
    }
}
