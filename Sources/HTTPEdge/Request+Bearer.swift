import Shared

extension Request {
    /// The token of an `Authorization: Bearer` field that occurs exactly once. The scheme is case-insensitive (RFC 9110
    /// section 11.1).
    package var bearerToken: Span<UInt8>? {
        @_lifetime(copy self)
        get {
            guard let value = onlyValue(of: "authorization") else { return nil }
            guard value.count > 7, value[6] == UInt8(ascii: " "), value.extracting(0..<6).equalsIgnoringCase("bearer")
            else {
                return nil
            }
            return value.extracting(7..<value.count)
        }
    }
}

extension ByteBuffer {
    /// Appends the challenge of a 401. It names the error only to a client that sent a token (RFC 6750 section 3.1).
    package mutating func appendBearerChallenge(refusedToken: Bool) {
        appendHeader("WWW-Authenticate", refusedToken ? #"Bearer error="invalid_token""# : "Bearer")
    }
}
