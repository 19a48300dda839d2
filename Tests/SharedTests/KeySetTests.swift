import Shared
import TestSupport
import Testing

@Suite struct `A key set` {
    private static let k = Forge.encode(Forge.secret)
    private static let key = #"{"kty":"oct","kid":"a","k":"\#(k)"}"#

    private func problem(_ json: String) -> String? {
        json.withBytes { bytes in
            do throws(KeySet.Malformed) {
                _ = try KeySet(json: bytes)
                return nil
            } catch {
                return error.message
            }
        }
    }

    @Test(arguments: [
        #"{"keys":[\#(key)]}"#, #"{"comment":[1,{"x":2}],"keys":[\#(key)]}"#,
        #"{"keys":[{"use":"sig","alg":"HS256","key_ops":["verify"],"kty":"oct","kid":"a","k":"\#(k)"}]}"#,
    ])
    func `accepts oct keys with an id`(_ json: String) { #expect(problem(json) == nil) }

    @Test(arguments: [
        ("", "it is not a complete JSON key set"), ("{}", "it has no keys"), (#"{"keys":[]}"#, "it has no keys"),
        ("[]", "it is not a complete JSON key set"), (#"{"keys":{}}"#, "it is not a complete JSON key set"),
        (#"{"keys":[{"kty":"RSA","kid":"a","k":"\#(k)"}]}"#, "key 1 is not of kty oct"),
        (#"{"keys":[{"kid":"a","k":"\#(k)"}]}"#, "key 1 is not of kty oct"),
        (#"{"keys":[{"kty":"oct","alg":"HS512","kid":"a","k":"\#(k)"}]}"#, "key 1 is for an alg other than HS256"),
        (#"{"keys":[{"kty":"oct","k":"\#(k)"}]}"#, "key 1 has no kid"),
        (#"{"keys":[{"kty":"oct","kid":"","k":"\#(k)"}]}"#, "key 1 has no kid"),
        (#"{"keys":[{"kty":"oct","kid":"a\/b","k":"\#(k)"}]}"#, "key 1 has a kid with a backslash escape"),
        (#"{"keys":[{"kty":"oct","kid":"a"}]}"#, "key 1 has no k in base64url"),
        (#"{"keys":[{"kty":"oct","kid":"a","k":"\#(k)="}]}"#, "key 1 has no k in base64url"),
        (#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#, "key 1 has 3 bytes; HS256 needs 32"),
        (#"{"keys":[\#(key),\#(key)]}"#, "kid a occurs twice"),
        (#"{"keys":[\#(key),{"kty":"oct","kid":"b","k":"AAAA"}]}"#, "key 2 has 3 bytes; HS256 needs 32"),
    ])
    func `is refused whole, with a sentence for the person who edits it`(_ json: String, _ message: String) {
        #expect(problem(json) == message)
    }

    @Test func `that was written half way is never accepted`() {
        let json = Array(#"{"keys":[\#(Self.key),{"kty":"oct","kid":"b","k":"\#(Self.k)"}]}"#.utf8)
        for length in 0..<json.count {
            #expect((try? KeySet(json: json.span.extracting(0..<length))) == nil, "\(length) bytes")
        }
        #expect((try? KeySet(json: json.span))?.keys.count == 2)
    }
}
