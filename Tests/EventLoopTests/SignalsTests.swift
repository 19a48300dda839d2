import EventLoop
import Foundation
import Glibc
import Testing

@Suite struct `A signal` {
    @Test func `is delivered as an event, and ends nothing`() async {
        // On a thread of its own, to which they are directed: signals to the process would reach other tests' threads.
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
