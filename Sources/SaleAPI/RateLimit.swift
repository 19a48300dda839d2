import Shared

/// How often one buyer may ask: `burst` times at once, and that many again in each `window`.
struct RateLimit: Equatable {
    var burst: Int
    var windowMilliseconds: Int

    /// Reads `20/10s`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let burst = parts[0].withBytes({ $0.decimal }), (1...10_000).contains(burst),
            let window = DurationText.milliseconds(parts[1]), (1000...3_600_000).contains(window)
        else { return nil }
        self.burst = burst
        windowMilliseconds = window
    }
}
