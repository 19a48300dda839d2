import EventLoop
import Shared

/// Signs receipts, and proofs of tickets: a few in each pass of the loop, so that they delay nobody's purchase.
///
/// A signature takes 22 µs. If a pass made all signatures that it is asked for, 16,384 look-ups would stop the loop for
/// 360 ms. There is one queue for both kinds, bounded by those who wait in it once each: 8,192 look-ups of orders
/// (`OwnOrders`) and 8,192 of tickets (`QueuePage`).
final class ReceiptSigning {
    /// 16 signatures take 0.35 ms, a fraction of a pass under load.
    static let perPass = 16

    private let loop: EventLoop
    /// Without keys, nothing is signed.
    private(set) var keys: ReceiptKeys?
    private var waiting: [() -> Void] = []
    private var scheduled = false

    init(keys: ReceiptKeys?, loop: EventLoop) {
        self.keys = keys
        self.loop = loop
    }

    /// From now on signs with these keys.
    func use(_ keys: ReceiptKeys) { self.keys = keys }

    /// Calls `sign` in a later pass, after those added before.
    func add(_ sign: @escaping () -> Void) {
        waiting.append(sign)
        schedule()
    }

    private func schedule() {
        guard !scheduled, !waiting.isEmpty else { return }
        scheduled = true
        loop.schedule(afterMilliseconds: 0) { [weak self] in self?.signNext() }
    }

    private func signNext() {
        scheduled = false
        // A copy, or removing them would copy the rest. As it is, the rest is moved: 256 KiB at most, some ten
        // microseconds.
        let due = Array(waiting.prefix(Self.perPass))
        waiting.removeFirst(due.count)
        for sign in due { sign() }
        schedule()
    }
}
