import Shared

/// A sale of which nothing is left, with all who won: enough to say what purchase.lua would say.
final class SoldOutSale {
    /// Winners that are held of one sale: 2^18 places of 24 bytes, and some 80 bytes of names, keys and numbers each, are 14.3 MB.
    /// Sales with more are answered by Redis.
    static let winnersMax = 100_000

    /// What must stay as it is for the winners to be all of them.
    struct Version: Equatable {
        let uuid: String
        let epoch: Int
        let position: Int

        /// nil while there is something left.
        init?(_ status: SaleStatus) {
            guard status.remaining == 0 else { return nil }
            uuid = status.uuid
            epoch = status.epoch
            position = status.position
        }
    }

    let version: Version
    private var winners: WinnerTable
    /// Which of the positions from 1 on have been seen.
    private var seen: [Bool]
    private var missing: Int

    /// Holds nobody yet; nil where there would be too many.
    init?(_ version: Version) {
        guard version.position <= Self.winnersMax else { return nil }
        self.version = version
        winners = WinnerTable(buyers: version.position)
        seen = [Bool](repeating: false, count: version.position)
        missing = version.position
    }

    /// Adds a field of the `buyers` hash; false where it can't be one of this sale's.
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

    /// Whether every position has its winner: a lost one may belong to somebody of whom nothing is known here.
    var isComplete: Bool { missing == 0 }

    /// Memory held.
    var bytes: Int { winners.bytes + seen.count }

    /// What purchase.lua decides, in the order of its checks, while the sale is open.
    func decide(_ buyer: Span<UInt8>, _ key: Span<UInt8>, quantity: Int, maxPerBuyer: Int) -> Decision {
        let wins = winners.wins(of: buyer)
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
