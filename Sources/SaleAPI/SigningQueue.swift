import EventLoop

/// Signs the receipts that are asked for, a few in each pass of the loop, so that they hold up nobody's purchase.
///
/// A signature takes 22 µs: were all that one pass asks for made in it, 8,192 look-ups would stop the loop for 180 ms. The
/// bound of the queue is that of the look-ups, each of which waits in it once.
final class SigningQueue {
    /// 16 signatures are 0.35 ms, a fraction of what a pass under load takes.
    static let perPass = 16

    private let loop: EventLoop
    private var waiting: [() -> Void] = []
    private var scheduled = false

    init(loop: EventLoop) { self.loop = loop }

    /// Calls `sign` in its turn.
    func add(_ sign: @escaping () -> Void) {
        waiting.append(sign)
        schedule()
    }

    private func schedule() {
        guard !scheduled, !waiting.isEmpty else { return }
        scheduled = true
        loop.schedule(afterMilliseconds: 0) { [weak self] in self?.turn() }
    }

    private func turn() {
        scheduled = false
        let due = waiting.prefix(Self.perPass)
        // Moves what stays: 128 KiB at most, a few microseconds.
        waiting.removeFirst(due.count)
        for sign in due { sign() }
        schedule()
    }
}
