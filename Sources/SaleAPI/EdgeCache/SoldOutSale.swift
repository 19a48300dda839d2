import Shared

/// A sold-out sale with all of its winners: enough to decide what purchase.lua would.
final class SoldOutSale {
    /// Winners held of one sale. 2^18 places of 24 bytes, and some 80 bytes of names, keys and numbers for each winner,
    /// are 14.3 MB. Redis answers sales with more winners.
    static let winnersMax = 100_000

    /// While this stays the same, no winner is added.
    struct Version: Equatable {
        let uuid: String
        let epoch: Int
        let position: Int

        /// nil while units are left.
        init?(_ status: SaleStatus) {
            guard status.remaining == 0 else { return nil }
            uuid = status.uuid
            epoch = status.epoch
            position = status.position
        }
    }

    let version: Version
    private var winners: WinnerTable
    /// By position, from 1: whether its winner has been added.
    private var seen: [Bool]
    private var missing: Int

    /// Holds nobody yet; nil if there would be too many.
    init?(_ version: Version) {
        guard version.position <= Self.winnersMax else { return nil }
        self.version = version
        winners = WinnerTable(buyers: version.position)
        seen = [Bool](repeating: false, count: version.position)
        missing = version.position
    }

    /// Adds a field of the `buyers` hash. Returns false if it can't be one of this sale's.
    func add(_ buyer: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
        guard buyer.count <= Limits.buyerBytesMax, let wins = Win.parse(text), !wins.isEmpty else {
            return false
        }
        for win in wins {
            guard win.position <= seen.count else { return false }
            if !seen[win.position - 1] { missing -= 1 }
            seen[win.position - 1] = true
        }
        return winners.insert(buyer, wins: text)
    }

    /// Whether every position has its winner. A missing one may belong to a buyer that is unknown here.
    var isComplete: Bool { missing == 0 }

    /// Bytes of memory.
    var bytes: Int { winners.bytes + seen.count }

    /// What purchase.lua would decide while the sale is open, in the order of its checks.
    ///
    /// - Parameter hash: the buyer's `buyerHash`.
    func decide(_ buyer: Span<UInt8>, hash: UInt64, _ key: Span<UInt8>, quantity: Int, maxPerBuyer: Int) -> Decision {
        let wins = winners.wins(of: buyer, hash: hash)
        for win in wins where win.key.withBytes({ key.equals($0) }) {
            return win.quantity == quantity ? .replayed(position: win.position, at: win.securedAt) : .keyReused
        }
        let bought = wins.reduce(0) { $0 + $1.quantity }
        if bought + quantity > maxPerBuyer {
            return .limit(orders: wins.map { String($0.position) }.joined(separator: ","))
        }
        return .soldOut
    }
}
