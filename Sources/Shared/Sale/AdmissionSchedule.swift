/// When whose turn is in a waiting room: a pure function of the position, known as soon as the ticket is.
///
/// It is a list of segments, each saying "from this time on, after this position, so many tickets a second". A change
/// of the rate ends the last segment where it has come to, and begins another: whoever was admitted stays admitted, and
/// only later turns move. The scripts know the same arithmetic; `text` is how Redis, the stream and SQLite hold it.
package struct AdmissionSchedule: Hashable, Sendable {
    package struct Segment: Hashable, Sendable {
        package var from: UnixMilliseconds
        /// The last position that belongs to the segment before.
        package var after: Int
        /// Tickets a second.
        package var rate: Int
        /// Nobody is admitted; the rate is that at which it will go on.
        package var isPaused: Bool

        package init(from: UnixMilliseconds, after: Int, rate: Int, isPaused: Bool = false) {
            self.from = from
            self.after = after
            self.rate = rate
            self.isPaused = isPaused
        }
    }

    /// When a position's turn begins.
    package enum Turn: Equatable, Sendable {
        case at(UnixMilliseconds)
        /// Admission is paused: nobody knows yet.
        case unknown
        /// So long ago that the schedule has forgotten it (admit.lua).
        case forgotten
    }

    /// A changed rate takes one; at the bound, admit.lua drops the oldest once no turn in it can be valid any more.
    package static let segmentsMax = 64

    package let segments: [Segment]

    /// The segment that goes on.
    package var last: Segment { segments[segments.count - 1] }

    package init(_ first: Segment) { segments = [first] }

    /// Reads `from after rate` segments, `;` between them, a paused one with a fourth word; nil for anything else.
    package init?(_ text: String) {
        var segments: [Segment] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3 || words.count == 4 && words[3] == "paused",
                let from = UnixMilliseconds(told: words[0].withBytes { $0.decimal }),
                let after = words[1].withBytes({ $0.decimal }), after <= Limits.ticketPositionMax,
                let rate = words[2].withBytes({ $0.decimal }), (1...Limits.admissionRateMax).contains(rate),
                segments.last.map({ $0.from <= from && $0.after <= after }) ?? true
            else { return nil }
            segments.append(
                Segment(from: from, after: after, rate: rate, isPaused: words.count == 4))
        }
        guard segments.count <= Self.segmentsMax else { return nil }
        self.segments = segments
    }

    package var text: String {
        segments.map { "\($0.from.value) \($0.after) \($0.rate)\($0.isPaused ? " paused" : "")" }
            .joined(separator: ";")
    }

    /// When the turn of a ticket begins: the last segment that begins below its position decides.
    package func turn(of position: Int) -> Turn {
        guard let segment = segments.last(where: { $0.after < position }) else { return .forgotten }
        if segment.isPaused { return .unknown }
        // Whole seconds apart from the rest, as in the scripts: a product of all would leave Lua's 53 bits.
        let (seconds, rest) = (position - segment.after).quotientAndRemainder(dividingBy: segment.rate)
        return .at(
            UnixMilliseconds(segment.from.value + seconds * 1000 + (rest * 1000 + segment.rate - 1) / segment.rate))
    }

    /// The last position whose turn has begun, whether anybody holds it or not.
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
