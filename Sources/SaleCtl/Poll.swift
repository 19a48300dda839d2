import EventLoop
import Glibc

/// Waits for what another process does.
enum Poll {
    private static let microseconds: UInt32 = 50_000

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
