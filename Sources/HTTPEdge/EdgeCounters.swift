/// The server's counters, for /metrics.
package struct EdgeCounters {
    package var accepted = 0
    package var open = 0
    /// Closed at once because `EdgeLimits.connections` were open.
    package var overflowed = 0
    package var requests = 0
    /// Messages that the edge itself refused.
    package var malformed = 0
    package var timedOut = 0
    package var responses = ResponseCounters()
}

/// Answers by the first digit of their status.
package struct ResponseCounters {
    package private(set) var success = 0
    package private(set) var notModified = 0
    package private(set) var clientError = 0
    package private(set) var serverError = 0

    mutating func count(_ status: Status) {
        switch status.rawValue {
        case ..<300: success += 1
        case ..<400: notModified += 1
        case ..<500: clientError += 1
        default: serverError += 1
        }
    }
}
