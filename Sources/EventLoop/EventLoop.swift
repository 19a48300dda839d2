import CLinux
import Glibc

/// One thread, one epoll set: descriptors, timers, and the work done once per pass.
///
/// A pass handles the ready descriptors, does the `received` work, runs the timers that are due, then does the
/// `gathered` and the `submitted` work (`Phase`). Nothing here is thread-safe, and nothing needs to be.
package final class EventLoop {
    /// Identifies a watched descriptor. The generation tells a registration from an earlier one in the same slot.
    package struct Registration: Sendable {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32
    }

    /// The points of a pass at which registered work runs. Each is named after what has just been done.
    package enum Phase {
        /// Every ready descriptor has been handled; no timer has run yet. What has come in is processed now.
        case received
        /// The timers have run too. What the pass has gathered is sent now, as one batch.
        case gathered
        /// The batches have been sent. Last in the pass: for what nobody else waits for, done while others work on the
        /// batches.
        case submitted
    }

    private struct Slot {
        var handler: (any EventHandler)?
        var descriptor: Int32 = -1
        var generation: UInt32 = 0
    }

    /// Events taken from the kernel at once. 512 is a batch of purchases; more events only mean another pass.
    private static let eventsPerWait = 512

    private let epoll: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private var timers: TimerHeap
    private var whenReceived: [() -> Void] = []
    private var whenGathered: [() -> Void] = []
    private var whenSubmitted: [() -> Void] = []
    private var stopping = false

    private let clock: () -> Instant
    /// The clock as it was when this pass began.
    package private(set) var now: Instant

    /// Makes a loop on CLOCK_MONOTONIC. A test passes a clock that it moves itself, so that it need not wait for
    /// timeouts.
    package init(clock: @escaping () -> Instant = { .now }) throws(SystemError) {
        self.clock = clock
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemError("epoll_create1") }
        events = .allocate(capacity: Self.eventsPerWait)
        now = clock()
        timers = try TimerHeap()
        try register(timers.descriptor, for: .readable, TimerDrain(timers.descriptor))
    }

    deinit {
        events.deallocate()
        close(epoll)
    }

    // MARK: Descriptors

    /// Watches `descriptor`; the loop keeps `handler` alive until `deregister`.
    @discardableResult
    package func register(
        _ descriptor: Int32, for interest: Readiness, _ handler: any EventHandler
    ) throws(SystemError) -> Registration {
        let slot: UInt32
        if let recycled = free.popLast() {
            slot = recycled
        } else {
            slot = UInt32(slots.count)
            slots.append(Slot())
        }
        slots[Int(slot)].handler = handler
        slots[Int(slot)].descriptor = descriptor
        let registration = Registration(slot: slot, generation: slots[Int(slot)].generation)
        guard control(EPOLL_CTL_ADD, registration, interest) == 0 else {
            let error = SystemError("epoll_ctl(ADD)")
            release(slot)
            throw error
        }
        return registration
    }

    /// Changes what a descriptor is watched for.
    package func update(_ registration: Registration, for interest: Readiness) {
        guard isCurrent(registration) else { return }
        // MOD of a registered, open descriptor fails only if the kernel is out of memory. An interest that silently
        // stayed as it was would hang its connection, so the process ends instead.
        precondition(control(EPOLL_CTL_MOD, registration, interest) == 0, "epoll_ctl(MOD): \(errno)")
    }

    /// Stops watching. Call it before closing the descriptor: an event of this pass that is still queued is then
    /// dropped, even if the kernel has already given the number to another connection.
    package func deregister(_ registration: Registration) {
        guard isCurrent(registration) else { return }
        _ = control(EPOLL_CTL_DEL, registration, [])
        release(registration.slot)
    }

    private func isCurrent(_ registration: Registration) -> Bool {
        slots[Int(registration.slot)].generation == registration.generation
    }

    private func release(_ slot: UInt32) {
        slots[Int(slot)].handler = nil
        slots[Int(slot)].descriptor = -1
        slots[Int(slot)].generation &+= 1
        free.append(slot)
    }

    private func control(_ operation: Int32, _ registration: Registration, _ interest: Readiness) -> Int32 {
        let data = UInt64(registration.generation) << 32 | UInt64(registration.slot)
        return CLinux_epoll_ctl(epoll, operation, slots[Int(registration.slot)].descriptor, interest.rawValue, data)
    }

    // MARK: Timers and passes

    /// Runs `action` once, in the first pass at or after `deadline`.
    @discardableResult
    package func schedule(at deadline: Instant, _ action: @escaping () -> Void) -> TimerID {
        timers.insert(deadline, action)
    }

    /// Runs `action` once, `milliseconds` from the beginning of this pass.
    @discardableResult
    package func schedule(afterMilliseconds milliseconds: Int, _ action: @escaping () -> Void) -> TimerID {
        schedule(at: now.advanced(milliseconds: milliseconds), action)
    }

    /// Cancels a timer. One that has run, or was cancelled before, is ignored.
    package func cancel(_ timer: TimerID) { timers.cancel(timer) }

    /// Runs `action` once in every pass, in this phase; actions of one phase run in the order of registration.
    package func onEachPass(_ phase: Phase, _ action: @escaping () -> Void) {
        switch phase {
        case .received: whenReceived.append(action)
        case .gathered: whenGathered.append(action)
        case .submitted: whenSubmitted.append(action)
        }
    }

    /// Runs until `stop`.
    package func run() throws(SystemError) {
        while !stopping { try pass(waitMilliseconds: -1) }
        stopping = false
    }

    /// Ends `run` after the current pass.
    package func stop() { stopping = true }

    /// Runs one pass: waits up to `waitMilliseconds` (-1: without limit) for something to do, and does it.
    package func pass(waitMilliseconds: Int32) throws(SystemError) {
        timers.arm()
        let count = epoll_wait(epoll, events, Int32(Self.eventsPerWait), waitMilliseconds)
        if count < 0, errno != EINTR { throw SystemError("epoll_wait") }
        now = clock()
        for index in 0..<Int(max(count, 0)) {
            let data = CLinux_epoll_data(events + index)
            let slot = Int(data & 0xFFFF_FFFF)
            guard slots[slot].generation == UInt32(data >> 32), let handler = slots[slot].handler else { continue }
            handler.ready(Readiness(rawValue: events[index].events))
        }
        for action in whenReceived { action() }
        // A timer set by another that is due at once runs in the next pass: descriptors must not starve in between.
        let last = timers.lastID
        while let action = timers.popDue(now, setUpTo: last) { action() }
        for action in whenGathered { action() }
        for action in whenSubmitted { action() }
    }
}

/// Resets the timerfd: waking the loop up is all it is for.
private final class TimerDrain: EventHandler {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func ready(_ readiness: Readiness) {
        var expirations: UInt64 = 0
        _ = read(descriptor, &expirations, 8)
    }
}
