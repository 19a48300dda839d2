/// How long to wait before the next attempt: doubling from `first` to `cap`, with full jitter, so that many clients
/// that lost one Redis don't return in step.
package struct Backoff: Sendable {
    /// The longest wait after the first failure, and the longest of all.
    package let firstMilliseconds: Int
    package let capMilliseconds: Int
    private var failures = 0

    /// 50 ms, 100, 200, 400, 800, then always 1000: a primary that is back is found within a second.
    package init(firstMilliseconds: Int = 50, capMilliseconds: Int = 1000) {
        self.firstMilliseconds = firstMilliseconds
        self.capMilliseconds = capMilliseconds
    }

    /// The longest possible wait after the next failure.
    package var ceilingMilliseconds: Int { min(capMilliseconds, firstMilliseconds << min(failures, 20)) }

    /// The wait after another failure: between 1 ms and the ceiling.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Int {
        let wait = Int.random(in: 1...ceilingMilliseconds, using: &random)
        failures += 1
        return wait
    }

    /// Starts over, after a success.
    package mutating func reset() { failures = 0 }
}
