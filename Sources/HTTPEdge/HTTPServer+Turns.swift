import EventLoop

/// Connections that go on in one pass: a client's next request may be answered at once, which takes about 10 µs, so that
/// others wait for a third of a millisecond.
private let turnsInPass = 32

/// A connection that has sent more than one request has one of them handled at a time, and then waits for its turn: a
/// thousand requests in one packet don't keep everybody else waiting for a thousand answers.
extension HTTPServer {
    /// Lets a connection go on with what it has sent behind the request that was answered.
    ///
    /// Not at once, because others want their turn, and answers that are too many to wait leave in the middle of a pass, while
    /// another connection's bytes are in `message`; by a timer, because all others leave at its very end.
    func resume(_ connection: HTTPConnection) {
        connection.state = .resuming
        if resuming.isEmpty { scheduleTurns() }
        resuming.append(connection)
    }

    private func scheduleTurns() {
        loop.schedule(at: loop.now) { [weak self] in self?.takeTurns() }
    }

    private func takeTurns() {
        precondition(inbox.isEmpty, "what a connection holds would be put over what others have sent")
        let turn = Array(resuming.prefix(turnsInPass))
        resuming.removeFirst(turn.count)
        // Before those whose turn it is ask for the next one, which finds the timer set.
        if !resuming.isEmpty { scheduleTurns() }
        for connection in turn where connection.state == .resuming {
            connection.state = .receiving
            understand(connection, received: 0)
        }
    }
}
