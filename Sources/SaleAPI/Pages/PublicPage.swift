import HTTPEdge
import Shared

/// Pages that anyone may cache for a while and revalidate by their tag.
extension HTTPServer {
    /// Answers with a page that is good for `maxAgeSeconds`; with 304 if `conditions`, an If-None-Match field, has its
    /// tag.
    ///
    /// - Parameter vary: the request field on which the answer depends, for caches.
    func respond(
        _ exchange: Exchange, tag: String, maxAgeSeconds: Int, unless conditions: [UInt8]?, vary: StaticString? = nil,
        page: (inout ByteBuffer) -> Void
    ) {
        let fields: (inout ByteBuffer) -> Void = {
            $0.append("Cache-Control: public, max-age=")
            $0.append(decimal: maxAgeSeconds)
            $0.append("\r\nETag: ")
            $0.append(tag)
            $0.append("\r\n")
            if let vary { $0.appendHeader("Vary", vary) }
        }
        if let conditions, EntityTags.match(conditions.span, tag) {
            return respond(exchange, .notModified, .none, headers: fields, body: { _ in })
        }
        respond(exchange, .ok, headers: fields, body: page)
    }
}

extension Request {
    /// The entity tags of If-None-Match, as they were sent.
    var conditions: [UInt8]? { list(of: "if-none-match") }
}
