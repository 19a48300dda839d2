import HTTPEdge
import Shared

/// Answers with the public keys of receipts, retired ones too: a JSON Web Key Set.
final class ReceiptKeysPage {
    /// Seconds for which anyone may keep the set: a verifier that meets a key which its copy lacks asks again.
    private static let maxAgeSeconds = 300

    private unowned let server: HTTPServer
    private var set = ByteBuffer(capacity: 512)
    private var tag = ""

    init(keys: ReceiptKeys?, server: HTTPServer) {
        self.server = server
        show(keys)
    }

    /// Shows these keys from here on.
    func show(_ keys: ReceiptKeys?) {
        set.removeAll()
        set.append(jwks: keys)
        tag = set.withBytes { EntityTags.tag(of: $0) }
    }

    func answer(_ request: borrowing Request, _ exchange: Exchange) {
        server.respond(exchange, tag: tag, maxAgeSeconds: Self.maxAgeSeconds, unless: request.conditions) { page in
            page.append(set)
        }
    }
}
