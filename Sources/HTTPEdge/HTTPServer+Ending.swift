import CLinux
import EventLoop
import Glibc
import Shared

private let sweepMilliseconds = 500
/// Connections closed in one pass. At about 10 µs each, others wait for a millisecond, not for the hundred that a flood
/// of connections timing out at once would take.
private let closesPerPass = 100
/// Bytes that a client may send after its last answer before we stop listening.
private let lingerBytesMax = 1 << 20
/// How many connections' memory is worth giving back: 64 × 17.25 KiB = 1.1 MiB.
private let connectionsWorthTrimming = 64

/// How connections end that don't end by themselves: they time out, or the server stops.
extension HTTPServer {
    /// How long the connections accepted last may take to send their first request: nginx connects when it has one to
    /// send.
    package static let lastRequestMilliseconds = 1000

    /// Closes the connections whose deadline has passed. Sweeping looks at each connection twice a second; a timer for
    /// each would cost two heap operations per request.
    func sweep(from first: UInt32 = 0) {
        var closed = 0
        for slot in first..<connections.slots.upperBound {
            guard let connection = connections[slot], let deadline = connection.deadline, deadline <= loop.now else {
                continue
            }
            if closed == closesPerPass {
                loop.schedule(at: loop.now) { [weak self] in self?.sweep(from: slot) }
                return
            }
            if connection.state == .sending || !connection.input.isEmpty { counters.timedOut += 1 }
            close(connection)
            closed += 1
        }
        trimMemory()
        loop.schedule(afterMilliseconds: sweepMilliseconds) { [weak self] in self?.sweep() }
    }

    /// Retires the server: for `milliseconds` it goes on, with `Connection: close` on every answer. Then it accepts no
    /// more connections, closes those that are still idle a second later, and calls `whenDrained`. If nobody is
    /// connected, it is done earlier.
    ///
    /// A proxy may send a request on an idle connection just as we close it. That request is lost, and only the buyer
    /// may send a POST again. So we close no idle connection at first: either it is used once more, and ends with that
    /// answer, or the proxy closes it by itself, which it does within `milliseconds`.
    package func retire(afterMilliseconds milliseconds: Int, _ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        // This may accept who waits in the backlog, and then the server is not done, but goes on like any other.
        if counters.open == 0 { finishDraining() }
        loop.schedule(afterMilliseconds: milliseconds) { [weak self] in self?.stopAccepting() }
    }

    /// Stops accepting. The connections accepted last have a second to send their request.
    private func stopAccepting() {
        guard whenDrained != nil else { return }
        acceptBacklog()
        stopListening()
        loop.schedule(afterMilliseconds: Self.lastRequestMilliseconds) { [weak self] in self?.closeIdle() }
    }

    /// Returns memory to the system after many connections have gone: by itself malloc returns only what is free at the
    /// very top of the heap, and something always stays there.
    private func trimMemory() {
        guard peakOpen >= connectionsWorthTrimming, counters.open <= peakOpen / 2 else { return }
        peakOpen = counters.open
        malloc_trim(0)
    }

    /// Discards what still comes in after a last answer.
    ///
    /// TCP discards everything that is waiting at once, without copying it (tcp(7), MSG_TRUNC). Reading a megabyte 17
    /// KiB at a time would take sixty passes and a third of a millisecond, and a few hundred clients that keep sending
    /// would take the whole process.
    func discard(_ connection: HTTPConnection, _ room: UnsafeMutableRawBufferPointer) {
        let count =
            connection.isTCP
            ? recv(connection.descriptor, nil, lingerBytesMax, Int32(MSG_TRUNC))
            : recv(connection.descriptor, room.baseAddress, room.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        connection.discardedBytes += count
        if count <= 0 || connection.discardedBytes > lingerBytesMax { close(connection) }
    }

    /// Stops listening, closes idle connections, answers every request that is under way (with `Connection: close`),
    /// and then calls `whenDrained`.
    package func drain(_ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        acceptBacklog()
        stopListening()
        // By a timer, because the caller may be a handler, with its own request and others in the inbox.
        loop.schedule(at: loop.now) { [weak self] in self?.closeIdle() }
        if counters.open == 0 { finishDraining() }
    }

    /// A client in the backlog takes itself to be connected; closing the listener would reset it.
    private func acceptBacklog() {
        for listener in listeners { accept(listener, atMost: Listener.backlog) }
    }

    func stopListening() {
        for listener in listeners { listener.stop(loop) }
        listeners = []
    }

    /// Closes the connections that have no request under way. One that has arrived and was not read yet is under way.
    private func closeIdle() {
        idleAreClosed = true
        let idle = connections.slots.compactMap { connections[$0] }.filter(\.isIdle)
        for connection in idle { receive(connection) }
        processReceived()
        for connection in idle where connection.isIdle { close(connection) }
    }

    /// Called when nobody is connected.
    func finishDraining() {
        guard let done = whenDrained else { return }
        acceptBacklog()
        guard counters.open == 0 else { return }
        stopListening()
        whenDrained = nil
        done()
    }
}
