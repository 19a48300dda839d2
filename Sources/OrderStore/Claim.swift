import Shared

/// The position that an entry claims, with its units if it names them.
struct Claim {
    let position: Int
    let quantity: Int?
}

extension Order {
    var claim: Claim { Claim(position: id.position, quantity: quantity) }
}

extension StreamEntry {
    /// What the entry claims, if that much of it can be read.
    var claim: Claim? {
        fields?.number("position").map { Claim(position: $0, quantity: fields?.number("quantity")) }
    }
}
