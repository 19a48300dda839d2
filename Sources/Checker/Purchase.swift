import Shared

/// One request to buy, however often it was sent. Keys are a buyer's own: two buyers may use the same.
struct Purchase: Hashable {
    var buyer: String
    var key: String
}

extension Attempt {
    var purchase: Purchase { Purchase(buyer: buyer, key: key) }
}

extension Order {
    var purchase: Purchase { Purchase(buyer: buyer, key: key) }
}
