/// How long to wait before the next attempt: at most 50 ms, 100, 200, 400, 800, then always 1000, so that a primary
/// that is back is found within a second; with full jitter, so that many clients that lost one Redis don't return in
/// step.
package struct Backoff: Sendable {
    private static let firstMilliseconds = 50
    private static let capMilliseconds = 1000

    private var failures = 0

    package init() {}

    /// The longest possible wait after the next failure.
    package var ceilingMilliseconds: Int { min(Self.capMilliseconds, Self.firstMilliseconds << min(failures, 20)) }

    /// The wait after another failure: between 1 ms and the ceiling.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Int {
        let wait = Int.random(in: 1...ceilingMilliseconds, using: &random)
        failures += 1
        return wait
    }

    /// Starts over, after a success.
    package mutating func reset() { failures = 0 }
}
