import HTTPEdge

/// The problems of both listeners.
extension Problem {
    static let malformedQuery = Problem(
        "malformed-query", .badRequest, "Malformed query", "after and limit are whole numbers.")
    static let unreadable = Problem(
        "unavailable", .serviceUnavailable, "Unavailable", "The database can't be read just now.")
    static let operatorUnauthorized = Problem(
        "unauthorized", .unauthorized, "Unauthorized", "Send the operators' token: Authorization: Bearer <token>.")
    static let tooManyAttempts = Problem(
        "rate-limited", .tooManyRequests, "Too many attempts", "Too many wrong tokens. Try again later.")
    static let operationMalformed = Problem(
        "malformed-body", .badRequest, "Malformed body", "This is not an operation.")
    static let operationRefused = Problem(
        "operation-refused", .conflict, "Operation refused", "Nothing was done.")
    static let notStoring = Problem(
        "unavailable", .serviceUnavailable, "Unavailable", "Orders are not being stored now.")
    static let buyerMissing = Problem(
        "malformed-query", .badRequest, "Malformed query", "Name a buyer: ?buyer=…")
}
