import CLibFuzzer
import Glibc
import Shared

/// Any bytes as a token; and, so that it gets past the signature, any bytes as the header and the claims of a token that is
/// signed with our key. The first byte says which. Whoever comes out must be a buyer by the contract.
let secret = [UInt8](repeating: 0x5A, count: 32)

func base64(_ bytes: [UInt8]) -> [UInt8] {
    var text = ByteBuffer()
    Base64URL.encode(bytes.span, into: &text)
    return text.withUnsafeBytes { Array($0) }
}

nonisolated(unsafe) let keys: KeySet = {
    let key = String(decoding: base64(secret), as: UTF8.self)
    return #"{"keys":[{"kty":"oct","kid":"k1","k":"\#(key)"}]}"#.withBytes { try! KeySet(json: $0) }
}()
let plainHeader = Array(#"{"alg":"HS256","kid":"k1"}"#.utf8)

/// A token of `header` and `claims`, signed.
func forged(_ header: [UInt8], _ claims: [UInt8]) -> [UInt8] {
    var text = ByteBuffer()
    text.append((base64(header) + [UInt8(ascii: ".")] + base64(claims)).span)
    var mac = ByteBuffer()
    HMACSHA256(key: secret).authenticate(text.bytes, into: &mac)
    text.append(UInt8(ascii: "."))
    Base64URL.encode(mac.bytes, into: &text)
    return text.withUnsafeBytes { Array($0) }
}

func judge(_ token: [UInt8], _ verifier: TokenVerifier) -> Bool {
    let subject = try? verifier.withSubject(of: token.span, nowSeconds: 1000) { subject in
        subject.withUnsafeBufferPointer { Array($0) }
    }
    guard let subject else { return false }
    precondition((1...128).contains(subject.count) && subject.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "not a buyer")
    return true
}

func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    let verifier = TokenVerifier(keys: keys, audience: "sale", issuer: "shop")
    switch first % 3 {
    case 0: precondition(!judge(rest, verifier), "a token that nobody signed")
    case 1: _ = judge(forged(plainHeader, rest), verifier)
    default:
        let cut = rest.firstIndex(of: 0) ?? rest.count
        let token = forged(Array(rest[..<cut]), Array(rest[cut...].dropFirst()))
        // Once more: a header that has been seen takes a shorter way.
        precondition(judge(token, verifier) == judge(token, verifier), "the same token, another verdict")
    }
    return 0
}

var argc = CommandLine.argc
var argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&argc, &argv, fuzz))
