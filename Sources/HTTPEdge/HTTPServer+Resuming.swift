import EventLoop

/// Connections resumed in one pass. A client's next request may be answered at once, which takes about 10 µs, so the
/// others wait for a third of a millisecond.
private let resumesPerPass = 32

/// Pipelined requests are handled one at a time, and between them the other connections are served: a thousand requests
/// in one packet don't keep everybody else waiting for a thousand answers.
extension HTTPServer {
    /// Schedules what a connection sent after the request that was just answered.
    ///
    /// It is not handled at once: others come first, and if a pass has too many answers to keep, they are sent in the
    /// middle of it, while another connection's bytes are in `message`. A timer does it, because all other answers are
    /// sent at the very end of the pass.
    func resume(_ connection: HTTPConnection) {
        connection.state = .resuming
        if resuming.isEmpty { scheduleResuming() }
        resuming.append(connection)
    }

    private func scheduleResuming() {
        loop.schedule(at: loop.now) { [weak self] in self?.resumeWaiting() }
    }

    private func resumeWaiting() {
        precondition(inbox.isEmpty, "what a connection holds would overwrite what others have sent")
        let next = Array(resuming.prefix(resumesPerPass))
        resuming.removeFirst(next.count)
        // Before these connections ask to be resumed again, and find the timer set.
        if !resuming.isEmpty { scheduleResuming() }
        for connection in next where connection.state == .resuming {
            connection.state = .receiving
            process(connection, received: 0)
        }
    }
}
