import CLinux
import Glibc

/// Names a timer.
package struct TimerID: Hashable, Sendable {
    fileprivate let value: UInt64
}

/// The loop's timers: a binary heap over one timerfd that is armed for the earliest of them.
///
/// Timers are few (timeouts of connections are swept, not timed one by one), so a cancelled one just stays in the heap
/// until it surfaces. Timers of one instant run in the order in which they were set.
struct TimerHeap: ~Copyable {
    private struct Entry: Comparable {
        let deadline: Instant
        let id: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            left.deadline == right.deadline ? left.id < right.id : left.deadline < right.deadline
        }
    }

    let descriptor: Int32
    private var heap = MinHeap<Entry>()
    private var actions: [UInt64: () -> Void] = [:]
    /// The timer that was set last.
    private(set) var lastID: UInt64 = 0
    private var armed: Instant?

    init() throws(SystemError) {
        descriptor = CLinux_timerfd()
        guard descriptor >= 0 else { throw SystemError("timerfd_create") }
    }

    deinit { close(descriptor) }

    mutating func insert(_ deadline: Instant, _ action: @escaping () -> Void) -> TimerID {
        lastID += 1
        actions[lastID] = action
        heap.insert(Entry(deadline: deadline, id: lastID))
        return TimerID(value: lastID)
    }

    mutating func cancel(_ timer: TimerID) { actions[timer.value] = nil }

    /// The action of a timer that is due and was not set after timer `last`, removed; nil where none is.
    mutating func popDue(_ now: Instant, setUpTo last: UInt64) -> (() -> Void)? {
        // A timerfd that has gone off is silent until it is set again, be it to the same instant.
        if let armed, armed <= now { self.armed = nil }
        while let first = heap.first, first.deadline <= now, first.id <= last {
            heap.removeFirst()
            if let action = actions.removeValue(forKey: first.id) { return action }
        }
        return nil
    }

    /// Sets the timerfd to the earliest deadline, if it isn't set to that already.
    mutating func arm() {
        while let first = heap.first, actions[first.id] == nil { heap.removeFirst() }
        let earliest = heap.first?.deadline
        guard earliest != armed else { return }
        armed = earliest
        // 0 would disarm: a deadline at the clock's zero is simply long past.
        let code = CLinux_timerfd_set(descriptor, earliest.map { max($0.nanoseconds, 1) } ?? 0)
        precondition(code == 0, "timerfd_settime: \(errno)")
    }
}
