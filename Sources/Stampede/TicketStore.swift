import Shared

/// The tickets that buyers were given in a waiting room, a place of one size for each.
///
/// A ticket has about 300 bytes, so a million take 400 MB; the memory is touched as they come in.
struct TicketStore: ~Copyable {
    /// More than a ticket of `Buyers`' names has, whatever its position.
    private static let bytesMax = 400

    private let slots: UnsafeMutableRawBufferPointer
    /// Bytes of each; 0 where there is none.
    private var counts: [UInt16]

    init(buyers: Int) {
        slots = .allocate(byteCount: buyers * Self.bytesMax, alignment: 1)
        counts = Array(repeating: 0, count: buyers)
    }

    deinit { slots.deallocate() }

    func has(_ buyer: Int) -> Bool { counts[buyer] > 0 }

    /// False where it is none that could be one of ours.
    mutating func keep(_ ticket: Span<UInt8>, of buyer: Int) -> Bool {
        guard ticket.count > 0, ticket.count <= Self.bytesMax else { return false }
        let start = buyer * Self.bytesMax
        ticket.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: slots[start...]).copyMemory(from: $0) }
        counts[buyer] = UInt16(ticket.count)
        return true
    }

    mutating func forget(_ buyer: Int) { counts[buyer] = 0 }

    func append(_ buyer: Int, to buffer: inout ByteBuffer) {
        let start = buyer * Self.bytesMax
        buffer.append(UnsafeRawBufferPointer(rebasing: slots[start..<start + Int(counts[buyer])]))
    }
}

/// What the answer to a join says.
struct JoinAnswer {
    /// Where the ticket stands in the body.
    let ticket: Range<Int>
    /// Milliseconds from the answer to the turn; nil while admission is paused.
    let turnInMilliseconds: Int?

    /// Reads a body, by the exact text in which our API writes it; nil for any other.
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
    /// What stands between `text` and the next quote.
    fileprivate func value(of text: StaticString) -> Range<Int>? {
        guard let start = end(of: text), let end = firstIndex(of: UInt8(ascii: "\""), from: start) else { return nil }
        return start..<end
    }
}
