/// One kind of refusal: an RFC 9457 problem type. Clients tell them apart by `type`, not by the prose.
package struct Problem: Sendable {
    /// The last segment of `type`, `/problems/<name>`.
    package let name: StaticString
    package let title: StaticString
    package let status: Status
    /// What happened and what to do, for a human reader.
    package let detail: StaticString

    package init(_ name: StaticString, _ status: Status, _ title: StaticString, _ detail: StaticString) {
        self.name = name
        self.title = title
        self.status = status
        self.detail = detail
    }
}

/// What the edge itself refuses. The connection is closed after one of these: what follows a message that could not be
/// parsed can't be told from a request that somebody hid in it.
extension Problem {
    package static let badRequest = Problem(
        "bad-request", .badRequest, "Bad request", "The message is not valid HTTP/1.1 (RFC 9112).")
    package static let contentTooLarge = Problem(
        "content-too-large", .contentTooLarge, "Content too large", "The body is larger than this server accepts.")
    package static let uriTooLong = Problem(
        "uri-too-long", .uriTooLong, "URI too long", "The request line is longer than this server accepts.")
    package static let expectationFailed = Problem(
        "expectation-failed", .expectationFailed, "Expectation failed",
        "The only expectation supported is 100-continue.")
    package static let headersTooLarge = Problem(
        "headers-too-large", .headersTooLarge, "Headers too large",
        "There are more header fields, or bytes in them, than this server accepts.")
    package static let notImplemented = Problem(
        "not-implemented", .notImplemented, "Not implemented",
        "This server does not support the method or transfer coding.")
    package static let versionNotSupported = Problem(
        "version-not-supported", .versionNotSupported, "HTTP version not supported",
        "This server speaks HTTP/1.1 and HTTP/1.0.")
}

/// What any handler refuses; the connection stays open.
extension Problem {
    package static let notFound = Problem(
        "not-found", .notFound, "Not found", "No such resource.")
    package static let methodNotAllowed = Problem(
        "method-not-allowed", .methodNotAllowed, "Method not allowed", "The resource does not support this method.")
}
