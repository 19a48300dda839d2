import Shared

/// Keys and receipts for tests, including some that ReceiptSigner never makes.
enum ReceiptForge {
    /// The private key of RFC 8037 appendix A.1, which nobody uses.
    static let pem = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
        -----END PRIVATE KEY-----

        """
    static let publicPEM = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
        -----END PUBLIC KEY-----

        """
    static let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    /// Its thumbprint, from appendix A.3.
    static let keyID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

    static let header = #"{"alg":"EdDSA","kid":"\#(keyID)","typ":"receipt+jwt"}"#
    static let claims =
        #"{"sale":"demo","uuid":"0b6d1a1e-0000-4000-8000-000000000000","epoch":2,"order":"demo-17","position":17,"#
        + #""quantity":3,"buyer":"00112233445566778899aabbccddeeff","secured_at":"2026-11-26T19:00:00.123Z"}"#
    static let receipt = Receipt(
        order: OrderID(sale: SaleID("demo")!, position: 17), uuid: "0b6d1a1e-0000-4000-8000-000000000000", epoch: 2,
        quantity: 3, buyer: "00112233445566778899aabbccddeeff",
        securedAt: UnixMilliseconds(rfc3339: "2026-11-26T19:00:00.123Z")!)

    static var privateKey: Ed25519PrivateKey {
        guard case .privateKey(let key)? = try? pem.withBytes({ try Ed25519PEM.blocks($0) }).first else {
            preconditionFailure("the test's key can't be read")
        }
        return key
    }

    static func keys(_ pem: String) -> ReceiptKeys { try! pem.withBytes { try ReceiptKeys(pem: $0) } }

    static func jwks(_ keys: ReceiptKeys?) -> String {
        var text = ByteBuffer()
        text.append(jwks: keys)
        return text.string
    }

    static func sign(_ receipt: Receipt, _ keys: ReceiptKeys) -> String {
        var text = ByteBuffer()
        keys.signer.append(receipt, to: &text)
        return text.string
    }

    /// A text with exactly this header and these claims, signed with the key of `pem`.
    static func text(header: String = header, claims: String = claims) -> String {
        let signed = "\(Forge.encode(Array(header.utf8))).\(Forge.encode(Array(claims.utf8)))"
        return "\(signed).\(Forge.encode(signature(of: signed)))"
    }

    static func signature(of message: String) -> [UInt8] {
        var signature = ByteBuffer()
        message.withBytes { privateKey.sign($0, into: &signature) }
        return signature.withUnsafeBytes { Array($0) }
    }
}
