package import Shared

/// Shorter ways to answer. No closure has a default value, or an unlabelled one could be taken for another.
extension HTTPServer {
    /// Answers with a body.
    package func respond(
        _ exchange: Exchange, _ status: Status, _ contentType: ContentType = .json, body: (inout ByteBuffer) -> Void
    ) {
        respond(exchange, status, contentType, headers: { _ in }, body: body)
    }

    /// Answers with a problem document; `members` appends the members that its type adds.
    package func respond(
        _ exchange: Exchange, _ problem: Problem, headers: (inout ByteBuffer) -> Void,
        members: (inout ByteBuffer) -> Void
    ) {
        respond(exchange, problem.status, .problem, headers: headers) {
            $0.append(problem, trace: exchange.trace, members)
        }
    }

    package func respond(_ exchange: Exchange, _ problem: Problem, headers: (inout ByteBuffer) -> Void) {
        respond(exchange, problem, headers: headers, members: { _ in })
    }

    package func respond(_ exchange: Exchange, _ problem: Problem, members: (inout ByteBuffer) -> Void) {
        respond(exchange, problem, headers: { _ in }, members: members)
    }

    package func respond(_ exchange: Exchange, _ problem: Problem) {
        respond(exchange, problem, headers: { _ in }, members: { _ in })
    }

    /// Answers OPTIONS with the methods that the resource allows (RFC 9110 section 9.3.7).
    package func respondToOptions(_ exchange: Exchange, allow: StaticString) {
        respond(exchange, .ok, .none, headers: { $0.appendHeader("Allow", allow) }, body: { _ in })
    }

    /// Answers with a temporary problem: the client may retry after `retryAfterSeconds`.
    package func respond(
        _ exchange: Exchange, _ problem: Problem, retryAfterSeconds: Int, members: (inout ByteBuffer) -> Void
    ) {
        respond(exchange, problem, headers: { $0.appendHeader("Retry-After", retryAfterSeconds) }, members: members)
    }

    package func respond(_ exchange: Exchange, _ problem: Problem, retryAfterSeconds: Int) {
        respond(exchange, problem, retryAfterSeconds: retryAfterSeconds, members: { _ in })
    }
}
