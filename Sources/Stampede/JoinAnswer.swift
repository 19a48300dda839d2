import Shared

/// What the answer to a join contains.
struct JoinAnswer {
    /// Range of the ticket in the body.
    let ticket: Range<Int>
    /// Milliseconds from the answer to the turn; nil while admission is paused.
    let turnInMilliseconds: Int?

    /// Reads a body by the exact text in which our API writes it; nil for any other.
    init?(_ body: Span<UInt8>) {
        guard let ticket = body.value(of: "\"ticket\":\""), let now = body.value(of: "\"server_time\":\"") else {
            return nil
        }
        self.ticket = ticket
        guard let serverTime = UnixMilliseconds(rfc3339: body.extracting(now).string) else { return nil }
        turnInMilliseconds = body.value(of: "\"turn_at\":\"").flatMap {
            UnixMilliseconds(rfc3339: body.extracting($0).string)
        }.map { max(0, $0.value - serverTime.value) }
    }
}

extension Span<UInt8> {
    /// The range between `text` and the next quote.
    fileprivate func value(of text: StaticString) -> Range<Int>? {
        guard let start = end(of: text), let end = firstIndex(of: UInt8(ascii: "\""), from: start) else { return nil }
        return start..<end
    }
}
