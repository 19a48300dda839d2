import Shared

/// The buyers' tickets for a waiting room, in slots of one size.
///
/// A ticket has about 300 bytes, so a million take 400 MB; the memory is touched as they come in.
struct TicketStore: ~Copyable {
    /// More than any ticket of a buyer in `Buyers` has, whatever its position.
    private static let bytesMax = 400

    private let slots: UnsafeMutableRawBufferPointer
    /// Bytes of each ticket; 0 if there is none.
    private var counts: [UInt16]

    init(buyers: Int) {
        slots = .allocate(byteCount: buyers * Self.bytesMax, alignment: 1)
        counts = Array(repeating: 0, count: buyers)
    }

    deinit { slots.deallocate() }

    func has(_ buyer: Int) -> Bool { counts[buyer] > 0 }

    /// Keeps a ticket. Returns false if it can't be one of ours.
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
