package import Shared

extension KeySet {
    /// A JSON Web Key Set of these keys.
    package static func json(_ keys: [(id: String, secret: [UInt8])]) -> String {
        let entries = keys.map { id, secret in
            var text = ByteBuffer()
            Base64URL.encode(secret.span, into: &text)
            return #"{"kty":"oct","kid":"\#(id)","alg":"HS256","k":"\#(text.string)"}"#
        }
        return #"{"keys":[\#(entries.joined(separator: ","))]}"#
    }
}
