import Shared

/// Entity tags: weak ones, `W/"…"`, over the part of a page that matters.
enum EntityTags {
    static func tag(of essence: Span<UInt8>) -> String { "W/\"\(Crypto.sha256Hex(essence).prefix(16))\"" }

    /// Whether an If-None-Match field lists `tag`, by weak comparison, or is `*` (RFC 9110 section 13.1.2).
    static func match(_ field: Span<UInt8>, _ tag: String) -> Bool {
        // Another's tag may have commas and spaces, but no quotes within: none of its parts is one of ours.
        let items = field.string.split { $0 == "," || $0 == " " || $0 == "\t" }
        return items == ["*"] || items.contains { $0 == tag || $0 == tag.dropFirst(2) }
    }
}
