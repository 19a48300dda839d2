/// Sizes that the contract fixes, in one place for the edge, the scripts' callers and the worker.
package enum Limits {
    /// Units one purchase may ask for.
    package static let quantityMax = 99
    /// Bytes of a buyer's name, the `sub` of its token.
    package static let buyerBytesMax = 128
    /// Bytes of a buyer's token, or of a ticket. Ours have about 180; a kilobyte leaves room for another issuer's claims.
    package static let tokenBytesMax = 1024
    /// Bytes of an Idempotency-Key.
    package static let keyBytesMax = 64
    /// Bytes of a sale's name.
    package static let saleBytesMax = 32
    /// Units of one sale. Lua numbers are exact to 2^53; a billion leaves all of that to spare.
    package static let stockMax = 1_000_000_000
    /// Tickets a second that a waiting room may admit. With a million seconds' worth of them Lua is still exact.
    package static let admissionRateMax = 1_000_000
    /// The highest position of a waiting room: a thousand times more than anybody will give, and in milliseconds at one a
    /// second still far from what 64 bits hold.
    package static let ticketPositionMax = 1_000_000_000_000
    /// Bytes of a sale's title.
    package static let titleBytesMax = 200
}
