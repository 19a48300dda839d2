/// Durations as people write them.
package enum DurationText {
    private static let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    /// A year. That is 2^55 nanoseconds, and fits 32 bits in seconds: nothing computed from it overflows.
    private static let millisecondsMax = 365 * 86_400_000

    /// The milliseconds of `250ms`, `30s`, `5m` or `2h`, up to a year; nil for anything else.
    package static func milliseconds(_ text: String) -> Int? {
        guard let (suffix, scale) = units.first(where: { text.hasSuffix($0.0) }),
            let number = String(text.dropLast(suffix.count)).withBytes({ $0.decimal }),
            number <= millisecondsMax / scale
        else { return nil }
        return number * scale
    }
}
