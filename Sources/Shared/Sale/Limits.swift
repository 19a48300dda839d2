/// Sizes that the contract fixes, shared by the edge, the scripts' callers and the worker.
package enum Limits {
    /// Units that one purchase may ask for.
    package static let quantityMax = 99
    /// Bytes of a buyer's name, the `sub` of its token.
    package static let buyerBytesMax = 128
    /// Bytes of a buyer's token, or of a ticket. Ours have about 180; a kilobyte leaves room for another issuer's
    /// claims.
    package static let tokenBytesMax = 1024
    /// Bytes of an Idempotency-Key.
    package static let keyBytesMax = 64
    /// Bytes of a sale's name.
    package static let saleBytesMax = 32
    /// Units of one sale. Lua numbers are exact up to 2^53, far above a billion.
    package static let stockMax = 1_000_000_000
    /// Tickets a second that a waiting room may admit. Lua is still exact after a million seconds of them.
    package static let admissionRateMax = 1_000_000
    /// The highest position in a waiting room: a thousand times more than will ever be given, and at one a second its
    /// turn in milliseconds still fits 64 bits easily.
    package static let ticketPositionMax = 1_000_000_000_000
    /// Bytes of a sale's title.
    package static let titleBytesMax = 200
}
