/// The keys that sign buyers' tokens: an RFC 7517 set of `oct` keys for HS256.
package struct KeySet {
    package struct Key {
        /// The key's id (`kid`). A token names the key that signed it.
        package let id: String
        package let hmac: HMACSHA256
    }

    /// Why a set can't be used. `message` is a sentence for the person who edits the file.
    package struct Malformed: Error, Equatable {
        package let message: String
    }

    /// The fewest bytes an HS256 key may have (RFC 7518 section 3.2).
    package static let keyBytesMin = 32

    package let keys: [Key]

    /// Reads a JSON Web Key Set.
    ///
    /// Every key must be an `oct` key of at least 32 bytes with a unique `kid`. If any is not, the whole set is
    /// refused, so that a half-written file never takes a key out of service unnoticed.
    package init(json: Span<UInt8>) throws(Malformed) {
        guard let entries = try? JSONWebKeys.entries(json) else {
            throw Malformed(message: "it is not a complete JSON key set")
        }
        var keys: [Key] = []
        for entry in entries {
            let name = "key \(keys.count + 1)"
            guard entry["kty"] == "oct" else { throw Malformed(message: "\(name) is not of kty oct") }
            guard entry["alg"] == nil || entry["alg"] == "HS256" else {
                throw Malformed(message: "\(name) is for an alg other than HS256")
            }
            guard let id = entry["kid"], !id.isEmpty else { throw Malformed(message: "\(name) has no kid") }
            // Strings are compared without resolving escapes, so a token that writes its kid differently would not
            // match.
            guard !id.contains("\\") else { throw Malformed(message: "\(name) has a kid with a backslash escape") }
            guard let secret = entry["k"]?.withBytes({ Base64URL.decode($0) }) else {
                throw Malformed(message: "\(name) has no k in base64url")
            }
            guard secret.count >= Self.keyBytesMin else {
                throw Malformed(message: "\(name) has \(secret.count) bytes; HS256 needs \(Self.keyBytesMin)")
            }
            guard !keys.contains(where: { $0.id == id }) else { throw Malformed(message: "kid \(id) occurs twice") }
            keys.append(Key(id: id, hmac: HMACSHA256(key: secret)))
        }
        guard !keys.isEmpty else { throw Malformed(message: "it has no keys") }
        self.keys = keys
    }

    private init(keys: [Key]) { self.keys = keys }

    /// A set of keys for another purpose, each derived from one of these and with the same id: what is signed for one
    /// purpose never passes for the other. `purpose` must contain a space, which no JWT does, so it equals nothing that
    /// was ever signed with one of these keys.
    package func derived(for purpose: StaticString) -> KeySet {
        var message = ByteBuffer(capacity: 64)
        message.append(purpose)
        precondition(message.withBytes { $0.firstIndex(of: UInt8(ascii: " ")) } != nil, "the purpose could be a JWT")
        return KeySet(
            keys: keys.map { key in
                var secret = ByteBuffer(capacity: HMACSHA256.size)
                key.hmac.authenticate(message.bytes, into: &secret)
                return Key(id: key.id, hmac: HMACSHA256(key: secret.withUnsafeBytes { Array($0) }))
            })
    }
}
