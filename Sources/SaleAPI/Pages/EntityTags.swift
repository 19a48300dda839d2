import Shared

/// Entity tags: weak ones, `W/"…"`, over the part of a page that matters.
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
