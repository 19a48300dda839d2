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
    private struct Entry {
        let deadline: Instant
        let id: UInt64

        func isBefore(_ other: Entry) -> Bool {
            deadline == other.deadline ? id < other.id : deadline < other.deadline
        }
    }

    let descriptor: Int32
    private var heap: [Entry] = []
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
        heap.append(Entry(deadline: deadline, id: lastID))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
        return TimerID(value: lastID)
    }

    mutating func cancel(_ timer: TimerID) { actions[timer.value] = nil }

    /// The action of a timer that is due and was not set after timer `last`, removed; nil where none is.
    mutating func popDue(_ now: Instant, setUpTo last: UInt64) -> (() -> Void)? {
        while let first = heap.first, first.deadline <= now, first.id <= last {
            removeFirst()
            if let action = actions.removeValue(forKey: first.id) { return action }
        }
        return nil
    }

    /// Sets the timerfd to the earliest deadline, if it isn't set to that already.
    mutating func arm() {
        while let first = heap.first, actions[first.id] == nil { removeFirst() }
        let earliest = heap.first?.deadline
        guard earliest != armed else { return }
        armed = earliest
        // 0 would disarm: a deadline at the clock's zero is simply long past.
        let code = CLinux_timerfd_set(descriptor, earliest.map { max($0.nanoseconds, 1) } ?? 0)
        precondition(code == 0, "timerfd_settime: \(errno)")
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[smallest]) { smallest = child }
            }
            if smallest == parent { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
