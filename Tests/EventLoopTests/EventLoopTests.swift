import EventLoop
import Foundation
import Glibc
import Testing

@Suite struct `The event loop` {
    private let loop = try! EventLoop()

    @Test func `calls a handler in each pass for as long as its descriptor is ready`() throws {
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

    @Test func `watches only for the interest that was set last`() throws {
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

    @Test func `drops an event that was meant for an earlier user of the slot`() throws {
        let first = SocketPair()
        let second = SocketPair()
        let stranger = Recorder()
        let closing = [Recorder(), Recorder()]
        let registrations = [
            try loop.register(first.near, for: .readable, closing[0]),
            try loop.register(second.near, for: .readable, closing[1]),
        ]
        // Whichever comes first deregisters the other, whose event is already queued, and gives its slot to a third
        // handler, as a connection accepted in the same pass would.
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

    @Test func `ignores an update or deregistration by an earlier user of the slot`() throws {
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

    @Test func `reports that the other end has hung up`() throws {
        let pair = SocketPair()
        let recorder = Recorder()
        try loop.register(pair.near, for: [], recorder)
        shutdown(pair.far, Int32(SHUT_RDWR))
        shutdown(pair.near, Int32(SHUT_RDWR))
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events.first?.hasHungUp == true)
    }

    @Test func `refuses a descriptor that can't be watched, and goes on`() throws {
        #expect(throws: SystemError.self) { try loop.register(-1, for: .readable, Recorder()) }
        let pair = SocketPair()
        let recorder = Recorder()
        try loop.register(pair.near, for: .writable, recorder)
        try loop.pass(waitMilliseconds: 0)
        #expect(recorder.events == [.writable])
    }

    @Test func `does the work of a pass phase by phase, in the order of registration within each`() throws {
        var order: [String] = []
        let pair = SocketPair()
        let recorder = Recorder()
        recorder.action = { order.append("event") }
        try loop.register(pair.near, for: .writable, recorder)
        loop.schedule(at: loop.now) { order.append("timer") }
        loop.onEachPass(.submitted) { order.append("submitted") }
        loop.onEachPass(.gathered) { order.append("gathered, first") }
        loop.onEachPass(.gathered) { order.append("gathered, second") }
        loop.onEachPass(.received) { order.append("received") }
        try loop.pass(waitMilliseconds: 1000)
        #expect(order == ["event", "received", "timer", "gathered, first", "gathered, second", "submitted"])
    }

    @Test func `handles every ready descriptor, however many there are`() throws {
        // More than one call of epoll_wait returns.
        let pairs = (0..<600).map { _ in SocketPair() }
        let recorders = try pairs.map { pair in
            let recorder = Recorder()
            recorder.action = { [unowned pair] in pair.drain() }
            try loop.register(pair.near, for: .readable, recorder)
            pair.send()
            return recorder
        }
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 0) }
        #expect(recorders.allSatisfy { $0.events == [.readable] })
    }

    @Test func `lets a handler deregister itself, and releases it then`() throws {
        let pair = SocketPair()
        weak var kept: Recorder?
        do {
            let recorder = Recorder()
            kept = recorder
            let registration = try loop.register(pair.near, for: .writable, recorder)
            recorder.action = { [loop] in loop.deregister(registration) }
        }
        #expect(kept != nil)
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 0) }
        #expect(kept == nil)
    }

    @Test func `keeps the time at which the pass began throughout the pass`() throws {
        var seen: [Instant] = []
        loop.schedule(at: loop.now) { [loop] in
            seen.append(loop.now)
            while Instant.now <= loop.now {}
            seen.append(loop.now)
        }
        let before = loop.now
        try loop.pass(waitMilliseconds: 1000)
        #expect(seen.count == 2)
        #expect(seen[0] == seen[1])
        #expect(seen[0] > before)
    }

    @Test func `finishes the pass in which it is stopped`() throws {
        var ended = 0
        loop.onEachPass(.gathered) { ended += 1 }
        loop.schedule(at: loop.now) { [loop] in loop.stop() }
        var ran = false
        loop.schedule(at: loop.now) { ran = true }
        try loop.run()
        #expect(ran)
        #expect(ended == 1)
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
}
