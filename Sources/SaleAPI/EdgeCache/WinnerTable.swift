import Shared

/// The winners of a sold-out sale by buyer, in two pieces of memory.
///
/// Open addressing with linear probing, never more than half full. Nothing is ever removed.
struct WinnerTable: ~Copyable {
    /// Where a buyer's bytes are, followed by those of its wins as the `buyers` hash has them.
    private struct Place {
        /// 0 if the place is free.
        var hash: UInt64 = 0
        var start: UInt32 = 0
        var buyerBytes: UInt16 = 0
        var winsBytes: UInt32 = 0
    }

    private var places: [Place]
    private var text: ByteBuffer
    /// Buyers held.
    private(set) var count = 0

    /// Room for `buyers`.
    init(buyers: Int) {
        var size = 16
        while size < buyers * 2 { size *= 2 }
        places = [Place](repeating: Place(), count: size)
        text = ByteBuffer(capacity: buyers * 64)
    }

    /// Bytes of memory.
    var bytes: Int { places.count * MemoryLayout<Place>.stride + text.capacity }

    /// Adds a buyer. A buyer who is there already stays as it is, since HSCAN may return a field twice. Returns false
    /// if the table is full.
    mutating func insert(_ buyer: Span<UInt8>, wins: Span<UInt8>) -> Bool {
        let hash = buyer.buyerHash
        let index = find(hash, buyer)
        guard places[index].hash == 0 else { return true }
        guard count < places.count / 2 else { return false }
        places[index] = Place(
            hash: hash, start: UInt32(text.count), buyerBytes: UInt16(buyer.count), winsBytes: UInt32(wins.count))
        text.append(buyer)
        text.append(wins)
        count += 1
        return true
    }

    /// The buyer's wins; empty for almost everybody.
    func wins(of buyer: Span<UInt8>, hash: UInt64) -> [Win] {
        let place = places[find(hash, buyer)]
        guard place.hash != 0 else { return [] }
        let start = Int(place.start) + Int(place.buyerBytes)
        return text.withBytes { Win.parse($0.extracting(start..<start + Int(place.winsBytes))) } ?? []
    }

    /// The index of the buyer's place, or of the free place where it would go.
    private func find(_ hash: UInt64, _ buyer: Span<UInt8>) -> Int {
        var index = Int(truncatingIfNeeded: hash >> 16) & (places.count - 1)
        while places[index].hash != 0 {
            let place = places[index]
            let start = Int(place.start)
            let isSame =
                place.hash == hash
                && text.withBytes { $0.extracting(start..<start + Int(place.buyerBytes)).equals(buyer) }
            if isSame { return index }
            index = (index + 1) & (places.count - 1)
        }
        return index
    }
}
