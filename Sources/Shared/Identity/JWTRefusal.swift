/// Why a JWT does not count: what `MACVerifier` refuses of any, and `TokenVerifier` of its claims.
package enum JWTRefusal: Error, Equatable, Sendable {
    /// Not three strict base64url parts of JSON within the size bound, or a claim of the wrong type.
    case malformed
    /// Another algorithm, an extension we would have to understand (`crit`), or a key that isn't ours.
    case unknownKey
    case badSignature
    case expired
    case notYetValid
    case wrongAudience
    case wrongIssuer
    /// `sub` is no buyer's name (`BuyerName`).
    case badSubject
}
