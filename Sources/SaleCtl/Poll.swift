import EventLoop
import Glibc

/// Waits for what another process does.
enum Poll {
    private static let microseconds: UInt32 = 50_000

    /// How long something was waited for, as people read it: `10 s`, or `1500 ms` if it is not whole seconds.
    static func text(_ milliseconds: Int) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }

    /// Asks again and again until `condition` holds; false if it still does not hold at `end`. Asks at least once.
    @discardableResult
    static func until(_ end: Instant, _ condition: () throws -> Bool) rethrows -> Bool {
        while !(try condition()) {
            guard Instant.now < end else { return false }
            usleep(microseconds)
        }
        return true
    }
}
