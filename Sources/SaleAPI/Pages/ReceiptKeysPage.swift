import HTTPEdge
import Shared

/// Shows the public keys of receipts, including retired ones, as a JSON Web Key Set.
final class ReceiptKeysPage {
    /// Seconds for which anyone may cache the set. A verifier that meets a key missing from its copy asks again.
    private static let maxAgeSeconds = 300

    private let server: HTTPServer
    private var set = ByteBuffer(capacity: 512)
    private var tag = ""

    init(keys: ReceiptKeys?, server: HTTPServer) {
        self.server = server
        show(keys)
    }

    /// From now on shows these keys.
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
