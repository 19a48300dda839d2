/// Why a JWT is not accepted: by `MACVerifier`, which checks any JWT, or by `TokenVerifier`, which checks a token's
/// claims.
package enum JWTRefusal: Error, Equatable, Sendable {
    /// Not three strict base64url parts of JSON within the size bound, or a claim of the wrong type.
    case malformed
    /// Another algorithm, an extension that must be understood (`crit`), or a key that isn't ours.
    case unknownKey
    case badSignature
    case expired
    case notYetValid
    case wrongAudience
    case wrongIssuer
    /// `sub` is not a buyer's name (`BuyerName`).
    case badSubject
}
