import Shared
import TestSupport

/// What purchase.lua should do, written a second time as plainly as possible, to compare with the script.
struct PurchaseModel {
    struct Won: Equatable {
        var key: String
        var position: Int
        var quantity: Int
        var at: Int
    }

    var stock: Int
    var maxPerBuyer: Int
    var opensAt = 0
    var closesAt = 0
    var paused = false
    var serving = true
    var position = 0
    var lastAt = 0
    var wins: [String: [Won]] = [:]
    var orders: [(position: Int, buyer: String, quantity: Int, key: String, at: Int)] = []

    /// The letter and detail of one purchase at Redis' time `now`.
    mutating func decide(_ purchase: TestSale.Purchase, now: Int) -> (code: Character, detail: String?) {
        guard serving else { return ("F", nil) }
        let won = wins[purchase.buyer] ?? []
        if let same = won.first(where: { $0.key == purchase.key }) {
            return same.quantity == purchase.quantity ? ("R", "\(same.position) \(same.at)") : ("K", nil)
        }
        if closesAt > 0, now >= closesAt { return ("E", nil) }
        if opensAt > 0, now < opensAt { return ("N", nil) }
        if won.map(\.quantity).reduce(0, +) + purchase.quantity > maxPerBuyer {
            return ("L", won.map { "\($0.position)" }.joined(separator: ","))
        }
        if stock == 0 { return ("O", nil) }
        if paused { return ("P", nil) }
        if purchase.quantity > stock { return ("I", "\(stock)") }
        stock -= purchase.quantity
        position += 1
        lastAt = max(lastAt, now)
        wins[purchase.buyer, default: []].append(
            Won(key: purchase.key, position: position, quantity: purchase.quantity, at: lastAt))
        orders.append((position, purchase.buyer, purchase.quantity, purchase.key, lastAt))
        return ("S", "\(position)")
    }
}
