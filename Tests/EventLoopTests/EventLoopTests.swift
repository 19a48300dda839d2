import EventLoop
import Foundation
import Glibc
import Testing

/// Two connected descriptors, closed with it.
private final class SocketPair {
    let near: Int32
    let far: Int32

    init() {
        var pair: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair)
        (near, far) = (pair[0], pair[1])
    }

    deinit {
        close(near)
        close(far)
    }

    func send() { _ = write(far, "x", 1) }
}

/// Records what it is told, and does something about it.
private final class Recorder: EventHandler {
    private(set) var events: [Readiness] = []
    var action: () -> Void = {}

    func ready(_ readiness: Readiness) {
        events.append(readiness)
        action()
    }
}

@Suite struct `The event loop` {
    private let loop = try! EventLoop()

    @Test func `tells a handler what its descriptor is ready for, again and again until that is dealt with`() throws {
        let pair = SocketPair()
        let recorder = Recorder()
        try loop.register(pair.near, for: .readable, recorder)
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events.isEmpty)
        pair.send()
        try loop.pass(waitMilliseconds: 0)
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events == [.readable, .readable])
    }

    @Test func `watches only for what it was last told to watch for`() throws {
        let pair = SocketPair()
        let recorder = Recorder()
        let registration = try loop.register(pair.near, for: [], recorder)
        pair.send()
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events.isEmpty)
        loop.update(registration, for: [.readable, .writable])
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events == [[.readable, .writable]])
        loop.deregister(registration)
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events.count == 1)
    }

    @Test func `drops an event of this pass that was meant for an earlier user of the descriptor`() throws {
        let first = SocketPair()
        let second = SocketPair()
        let stranger = Recorder()
        let closing = [Recorder(), Recorder()]
        let registrations = [
            try loop.register(first.near, for: .readable, closing[0]),
            try loop.register(second.near, for: .readable, closing[1]),
        ]
        // Whichever comes first deregisters the other, whose event is in the queue already, and lets a third handler have
        // the slot, as a connection accepted in the same pass would.
        let third = SocketPair()
        for (index, recorder) in closing.enumerated() {
            recorder.action = { [loop] in
                loop.deregister(registrations[1 - index])
                _ = try? loop.register(third.near, for: .readable, stranger)
            }
        }
        first.send()
        second.send()
        try loop.pass(waitMilliseconds: 0)
        #expect(closing[0].events.count + closing[1].events.count == 1)
        #expect(stranger.events.isEmpty)
    }

    @Test func `an update or deregistration that comes too late changes nothing for the next user`() throws {
        let pair = SocketPair()
        let old = try loop.register(pair.near, for: .readable, Recorder())
        loop.deregister(old)
        let recorder = Recorder()
        try loop.register(pair.near, for: .readable, recorder)
        loop.update(old, for: [])
        loop.deregister(old)
        pair.send()
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events == [.readable])
    }

    @Test func `says that the other end has hung up`() throws {
        let pair = SocketPair()
        let recorder = Recorder()
        try loop.register(pair.near, for: [], recorder)
        shutdown(pair.far, Int32(SHUT_RDWR))
        shutdown(pair.near, Int32(SHUT_RDWR))
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events.first?.isDisjoint(with: .hangUp) == false)
    }

    @Test func `refuses a descriptor that can't be watched, and goes on`() throws {
        #expect(throws: SystemError.self) { try loop.register(-1, for: .readable, Recorder()) }
        let pair = SocketPair()
        let recorder = Recorder()
        try loop.register(pair.near, for: .writable, recorder)
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events == [.writable])
    }

    @Test func `runs what is due in order of time, and in order of setting at one instant`() throws {
        var order: [Int] = []
        let past = Instant(nanoseconds: loop.now.nanoseconds - 1000)
        loop.schedule(at: past) { order.append(1) }
        loop.schedule(at: past) { order.append(2) }
        loop.schedule(at: Instant(nanoseconds: past.nanoseconds - 1)) { order.append(0) }
        loop.schedule(afterMilliseconds: 3_600_000) { order.append(99) }
        let cancelled = loop.schedule(at: past) { order.append(98) }
        loop.cancel(cancelled)
        try loop.pass(waitMilliseconds: 1000)
        #expect(order == [0, 1, 2])
    }

    @Test func `wakes up again for an instant that it has woken up for before`() throws {
        let past = loop.now
        for _ in 0..<2 {
            var ran = false
            loop.schedule(at: past) { ran = true }
            try loop.pass(waitMilliseconds: 60_000)
            #expect(ran)
        }
    }

    @Test func `wakes up for a timer, however long it would have waited`() throws {
        var ran = false
        loop.schedule(afterMilliseconds: 5) { ran = true }
        for _ in 0..<100 where !ran { try loop.pass(waitMilliseconds: 60_000) }
        #expect(ran)
    }

    @Test func `a timer that sets itself anew, due at once, runs once a pass`() throws {
        var runs = 0
        func again() {
            runs += 1
            loop.schedule(afterMilliseconds: 0) { again() }
        }
        again()
        for pass in 1...3 {
            try loop.pass(waitMilliseconds: 1000)
            #expect(runs == pass + 1)
        }
    }

    @Test func `ends each pass with its gathered work, in the order of registration`() throws {
        var order: [String] = []
        let pair = SocketPair()
        let recorder = Recorder()
        recorder.action = { order.append("event") }
        try loop.register(pair.near, for: .writable, recorder)
        loop.schedule(at: loop.now) { order.append("timer") }
        loop.atEndOfPass { order.append("first") }
        loop.atEndOfPass { order.append("second") }
        try loop.pass(waitMilliseconds: 1000)
        #expect(order == ["event", "timer", "first", "second"] || order == ["event", "first", "second"])
        #expect(Array(order.suffix(2)) == ["first", "second"])
    }

    @Test func `is woken from another thread`() throws {
        let waker = loop.waker
        Thread.detachNewThread { waker.wake() }
        // Without the waker this pass would last an hour.
        try loop.pass(waitMilliseconds: 3_600_000)
    }

    @Test func `runs until it is stopped, and can run again`() throws {
        for _ in 0..<2 {
            var passes = 0
            loop.schedule(at: loop.now) { passes += 1 }
            loop.schedule(at: loop.now) { [loop] in loop.stop() }
            try loop.run()
            #expect(passes == 1)
        }
    }

    @Test func `delivers signals as events`() async {
        // On a thread of its own, and directed at it: signals to the process would meet the other tests' threads.
        let seen = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Self.signalsSeen()) }
        }
        #expect(seen == [SIGUSR1, SIGUSR2])
    }

    private static func signalsSeen() -> [Int32] {
        var seen: [Int32] = []
        guard let loop = try? EventLoop(),
            let signals = try? Signals([SIGUSR1, SIGUSR2], on: loop, { seen.append($0) })
        else { return [] }
        return withExtendedLifetime(signals) {
            pthread_kill(pthread_self(), SIGUSR1)
            try? loop.pass(waitMilliseconds: 10_000)
            pthread_kill(pthread_self(), SIGUSR2)
            try? loop.pass(waitMilliseconds: 10_000)
            return seen
        }
    }
}
