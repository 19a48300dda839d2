import HTTPEdge
import Shared

/// Answers that anyone may keep for a while, and ask for again by their tag.
extension HTTPServer {
    /// Answers with a page that is good for `maxAgeSeconds`; 304 where `conditions`, an If-None-Match field, has its tag.
    ///
    /// - Parameter vary: the request field by which there are other answers, for whoever keeps them.
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
    var conditions: [UInt8]? {
        guard let field = value(of: "if-none-match") else { return nil }
        return field.withUnsafeBufferPointer { Array($0) }
    }
}

/// Entity tags: weak ones, `W/"…"`, of what matters in a page.
enum EntityTags {
    static func tag(of essence: Span<UInt8>) -> String { "W/\"\(Crypto.sha256Hex(essence).prefix(16))\"" }

    /// Whether an If-None-Match field lists `tag`, by weak comparison, or is `*` (RFC 9110 section 13.1.2).
    static func match(_ field: Span<UInt8>, _ tag: String) -> Bool {
        let opaque = tag.dropFirst(2)
        let listed = field.string.split(separator: ",").map { item in
            let item = item.drop { $0 == " " || $0 == "\t" }
            return item.hasPrefix("W/") ? item.dropFirst(2) : item
        }
        return listed.contains { $0.hasPrefix(opaque) || $0 == "*" }
    }
}
