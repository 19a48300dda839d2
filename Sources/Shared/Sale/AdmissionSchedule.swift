/// When each turn in a waiting room begins: a pure function of the position, known as soon as the ticket is given.
///
/// It is a list of segments, each saying "from this time on, after this position, this many tickets a second". Changing
/// the rate ends the last segment at the position it has reached, and begins another: whoever was admitted stays
/// admitted, and only later turns move. The scripts use the same arithmetic; Redis, the stream and SQLite hold the
/// schedule as `text`.
package struct AdmissionSchedule: Hashable, Sendable {
    package struct Segment: Hashable, Sendable {
        package var from: UnixMilliseconds
        /// The last position of the segment before.
        package var after: Int
        /// Tickets a second.
        package var rate: Int
        /// Nobody is admitted; the rate is the one at which admission will resume.
        package var isPaused: Bool
    }

    /// When a position's turn begins.
    package enum Turn: Equatable, Sendable {
        case at(UnixMilliseconds)
        /// Admission is paused, so it is not known yet.
        case unknown
        /// It was so long ago that the schedule no longer has it (admit.lua).
        case forgotten
    }

    /// Each change of the rate adds one. At this limit, admit.lua drops the oldest once no turn in it can still be
    /// valid.
    package static let segmentsMax = 64

    package let segments: [Segment]

    /// The segment in which later positions are.
    package var last: Segment { segments[segments.count - 1] }

    /// Reads segments `from after rate`, separated by `;`, a paused one with the fourth word `paused`; nil for anything
    /// else.
    package init?(_ text: String) {
        var segments: [Segment] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3 || words.count == 4 && words[3] == "paused",
                let from = UnixMilliseconds(validating: words[0].withBytes { $0.decimal }),
                let after = words[1].withBytes({ $0.decimal }), after <= Limits.ticketPositionMax,
                let rate = words[2].withBytes({ $0.decimal }), (1...Limits.admissionRateMax).contains(rate),
                segments.last.map({ $0.from <= from && $0.after <= after }) ?? true
            else { return nil }
            segments.append(Segment(from: from, after: after, rate: rate, isPaused: words.count == 4))
        }
        guard segments.count <= Self.segmentsMax else { return nil }
        self.segments = segments
    }

    package var text: String {
        segments.map { "\($0.from.value) \($0.after) \($0.rate)\($0.isPaused ? " paused" : "")" }
            .joined(separator: ";")
    }

    /// When the turn of a ticket begins. The last segment that begins before its position decides.
    package func turn(of position: Int) -> Turn {
        guard let segment = segments.last(where: { $0.after < position }) else { return .forgotten }
        if segment.isPaused { return .unknown }
        // Whole seconds and the rest are computed apart, as in the scripts: one product would exceed Lua's 53 bits.
        let (seconds, rest) = (position - segment.after).quotientAndRemainder(dividingBy: segment.rate)
        return .at(
            UnixMilliseconds(segment.from.value + seconds * 1000 + (rest * 1000 + segment.rate - 1) / segment.rate))
    }

    /// The last position whose turn has begun, whether or not anybody holds it.
    package func admitted(at now: UnixMilliseconds) -> Int {
        for index in segments.indices.reversed() where segments[index].from <= now {
            let segment = segments[index]
            guard !segment.isPaused else { return segment.after }
            let (seconds, rest) = (now.value - segment.from.value).quotientAndRemainder(dividingBy: 1000)
            let admitted = segment.after + seconds * segment.rate + rest * segment.rate / 1000
            return index + 1 < segments.count ? min(admitted, segments[index + 1].after) : admitted
        }
        return segments[0].after
    }
}
