import HTTPEdge

/// What a sale refuses. The names are the contract; a client tells them apart by `type`.
extension Problem {
    static let unauthorized = Problem(
        "unauthorized", .unauthorized, "Unauthorized", "Send a valid token: Authorization: Bearer <JWT>.")
    static let idempotencyKeyInvalid = Problem(
        "idempotency-key-invalid", .badRequest, "Idempotency key invalid",
        "Send one Idempotency-Key of 1 to 64 letters, digits, - or _, without quotes.")
    static let malformedBody = Problem(
        "malformed-body", .badRequest, "Malformed body",
        "The body is empty, {} or {\\\"quantity\\\":N} with N a whole number from 1 to 99.")
    static let unsupportedMediaType = Problem(
        "unsupported-media-type", .unsupportedMediaType, "Unsupported media type",
        "A body must be application/json, without a content coding.")

    static let soldOut = Problem("sold-out", .conflict, "Sold out", "Every unit has been sold.")
    static let insufficientStock = Problem(
        "insufficient-stock", .conflict, "Not enough left", "Fewer units are left than were asked for.")
    static let saleEnded = Problem("sale-ended", .conflict, "Sale ended", "The sale is over.")
    static let salePaused = Problem(
        "sale-paused", .conflict, "Sale paused", "The sale is paused. Try again with the same key.")
    static let saleNotOpen = Problem(
        "sale-not-open", .conflict, "Sale not open", "The sale has not opened yet. Try again with the same key.")
    static let purchaseLimit = Problem(
        "purchase-limit", .conflict, "Purchase limit", "This would be more units than one buyer may have.")
    static let idempotencyKeyReused = Problem(
        "idempotency-key-reused", .unprocessableContent, "Idempotency key reused",
        "This key has already won, with another quantity. Use a new key for a new purchase.")

    static let rateLimited = Problem(
        "rate-limited", .tooManyRequests, "Too many requests", "This buyer sends too many requests. Nothing was done.")
    static let overloaded = Problem(
        "overloaded", .serviceUnavailable, "Overloaded", "Nothing was done. Try again with the same key.")
    static let unavailable = Problem(
        "unavailable", .serviceUnavailable, "Unavailable", "Nothing was done. Try again with the same key.")
}
