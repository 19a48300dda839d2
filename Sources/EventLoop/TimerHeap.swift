import CLinux
import Glibc

/// Identifies a timer.
package struct TimerID: Hashable, Sendable {
    fileprivate let value: UInt64
}

/// The loop's timers: a binary heap, and one timerfd that is armed for the earliest of them.
///
/// There are few timers, because connections are swept for timeouts and have none of their own. So a cancelled one
/// stays in the heap until it is the earliest. Timers due at the same instant run in the order in which they were set.
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
    /// The timer set last.
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

    /// Removes a timer that is due and was not set after timer `last`, and returns its action; nil if there is none.
    mutating func popDue(_ now: Instant, setUpTo last: UInt64) -> (() -> Void)? {
        // A timerfd that has fired stays silent until it is armed again, even for the same instant.
        if let armed, armed <= now { self.armed = nil }
        while let first = heap.first, first.deadline <= now, first.id <= last {
            heap.removeFirst()
            if let action = actions.removeValue(forKey: first.id) { return action }
        }
        return nil
    }

    /// Arms the timerfd for the earliest deadline, unless it already is.
    mutating func arm() {
        while let first = heap.first, actions[first.id] == nil { heap.removeFirst() }
        let earliest = heap.first?.deadline
        guard earliest != armed else { return }
        armed = earliest
        // 0 would disarm it; a deadline at the clock's zero is long past, so 1 does as well.
        let code = CLinux_timerfd_set(descriptor, earliest.map { max($0.nanoseconds, 1) } ?? 0)
        precondition(code == 0, "timerfd_settime: \(errno)")
    }
}
