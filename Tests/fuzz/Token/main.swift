import CLibFuzzer
import Glibc
import Shared

/// Any bytes as a token, or as a ticket for a waiting room; and, to get past the signature, any bytes as the header and
/// the claims of one signed with our key. The first byte says which. The subject must be a valid buyer's name, and what
/// purchase.lua receives for a ticket must be one of its words, or a position, an epoch and a uuid.
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

let ticketHeader = Array(#"{"alg":"HS256","typ":"ticket+jwt","kid":"k1"}"#.utf8)
nonisolated(unsafe) let tokenMAC = keys.keys[0].hmac
nonisolated(unsafe) let ticketMAC = Ticket.keys(from: keys).keys[0].hmac

/// A signed text of `header` and `claims`.
func forged(_ header: [UInt8], _ claims: [UInt8], _ hmac: HMACSHA256 = tokenMAC) -> [UInt8] {
    var text = ByteBuffer()
    text.append((base64(header) + [UInt8(ascii: ".")] + base64(claims)).span)
    var mac = ByteBuffer()
    hmac.authenticate(text.bytes, into: &mac)
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

/// Checks what purchase.lua receives; false if the ticket is refused.
func claim(_ ticket: [UInt8], _ verifier: TicketVerifier) -> Bool {
    var claim = ByteBuffer()
    "b".withBytes { verifier.append(claimOf: ticket.span, sale: SaleID("s")!, buyer: $0, to: &claim) }
    let words = claim.string.split(separator: " ", maxSplits: 2)
    if words.count == 1 {
        precondition(["forged", "foreign", "other"].contains(words[0]), "a word that purchase.lua does not know")
        return false
    }
    precondition(words.count == 3, "no uuid")
    precondition(Int(words[0]).map { $0 >= 1 } == true && Int(words[1]) != nil, "not a position and an epoch")
    let read = try? verifier.ticket(ticket.span)
    precondition(read?.position == Int(words[0]) && read?.buyer == "b", "read in two ways")
    return true
}

func fuzzTicket(_ kind: UInt8, _ rest: [UInt8]) {
    let verifier = TicketVerifier(keys: keys)
    switch kind {
    case 0: precondition(!claim(rest, verifier), "a ticket that nobody signed")
    case 1: _ = claim(forged(ticketHeader, rest, ticketMAC), verifier)
    default:
        let cut = rest.firstIndex(of: 0) ?? rest.count
        let (header, claims) = (Array(rest[..<cut]), Array(rest[cut...].dropFirst()))
        precondition(!claim(forged(header, claims, tokenMAC), verifier), "a token that passes for a ticket")
        let ticket = forged(header, claims, ticketMAC)
        precondition(claim(ticket, verifier) == claim(ticket, verifier), "the same ticket, another verdict")
    }
}

func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    if first / 3 % 2 == 1 {
        fuzzTicket(first % 3, rest)
        return 0
    }
    let verifier = TokenVerifier(keys: keys, audience: "sale", issuer: "shop")
    switch first % 3 {
    case 0: precondition(!judge(rest, verifier), "a token that nobody signed")
    case 1: _ = judge(forged(plainHeader, rest), verifier)
    default:
        let cut = rest.firstIndex(of: 0) ?? rest.count
        let token = forged(Array(rest[..<cut]), Array(rest[cut...].dropFirst()))
        // Twice, because a header that has been seen before takes a shorter path.
        precondition(judge(token, verifier) == judge(token, verifier), "the same token, another verdict")
    }
    return 0
}

var argc = CommandLine.argc
var argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&argc, &argv, fuzz))
