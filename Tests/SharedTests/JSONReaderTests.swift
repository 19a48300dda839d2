import Shared
import TestSupport
import Testing

@Suite struct `Reading JSON` {
    /// Whether the text is one JSON value and nothing more.
    private func isValid(_ text: String) -> Bool {
        text.withBytes { bytes in
            var reader = JSONReader(bytes)
            do throws(JSONReader.Failure) {
                try reader.skip()
                try reader.end()
                return true
            } catch {
                return false
            }
        }
    }

    @Test(arguments: [
        "{}", "[]", " [ ] ", #"{"a":1}"#, #"{"a":{"b":[1,2,{"c":null}]}}"#, "0", "-0", "-1.5e+10", "1E2", "10.25",
        "true", "false", "null", #""""#, #""\"\\\/\b\f\n\r\t\u00e9\uD800""#, "\t\n\r [1 , 2]\n", #"{"":""}"#,
        #"{"a":1,"a":2}"#, #""Zoë""#, "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]",
    ])
    func `accepts what RFC 8259 allows`(_ text: String) { #expect(isValid(text)) }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]", #"{"a":1,}"#, #"{,"a":1}"#, #"{"a"}"#,
        #"{"a":}"#, #"{a:1}"#, "{'a':1}", #"{"a" 1}"#, #"{"a":1 "b":2}"#, "01", "-", "+1", "1.", ".5", "1e", "1e+",
        "0x1", "NaN", "Infinity", "tru", "True", "nul", "\"", #""\"#, #""\x""#, #""\u12""#, #""\u12G4""#, "\"\n\"",
        "\"\u{0}\"", "1 2", "{}{}", "[1]x", "\u{FEFF}1", "// no\n1", "--1", "1,", #"{"a":1}}"#,
    ])
    func `refuses everything else`(_ text: String) { #expect(!isValid(text)) }

    @Test func `skips sixteen levels and no more`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(isValid(nested(16)))
        #expect(!isValid(nested(17)))
        #expect(!isValid(nested(100_000)))
    }

    @Test(
        arguments: [
            ("0", 0), ("7", 7), (" 99 ", 99), ("999999999999999999", 999_999_999_999_999_999), ("1.0", nil),
            ("1e0", nil),
            ("-1", nil), ("-0", nil), ("1234567890123456789", nil), ("\"1\"", nil), ("true", nil), ("", nil),
            ("01", nil),
        ] as [(String, Int?)])
    func `a natural number has no sign, fraction or exponent`(_ text: String, _ value: Int?) {
        let read: Int? = text.withBytes { bytes in
            var reader = JSONReader(bytes)
            guard let number = try? reader.naturalNumber(), (try? reader.end()) != nil else { return nil }
            return number
        }
        #expect(read == value)
    }

    @Test(
        arguments: [
            ("1700000000", 1_700_000_000), ("1700000000.9", 1_700_000_000), ("0", 0), ("-1", nil), ("1.7e9", nil),
            ("17E8", nil), ("12.5e3", nil), ("\"1\"", nil),
        ] as [(String, Int?)])
    func `a date in seconds may have a fraction, and its exponent is never misread`(_ text: String, _ value: Int?) {
        let read: Int? = text.withBytes { bytes in
            var reader = JSONReader(bytes)
            return try? reader.numericDate()
        }
        #expect(read == value)
    }

    @Test func `a string is a range of the text, and says whether it has escapes`() throws {
        try #"["plain","a\nb"]"#.withBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginArray()
            var texts: [String] = []
            var escaped: [Bool] = []
            while try reader.element() {
                let text = try reader.string()
                texts.append(bytes.extracting(text.range).string)
                escaped.append(text.escaped)
            }
            try reader.end()
            #expect(texts == ["plain", #"a\nb"#])
            #expect(escaped == [false, true])
        }
    }

    @Test func `random damage to a document never crashes the reader`() {
        var random = SeededRandom()
        let document = Array(#"{"keys":[{"kty":"oct","k":"AAAA","n":-1.5e3,"x":[true,null,"\u00e9"]}],"z":{}}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = document
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes = Array(bytes[0..<at])
                }
            }
            var reader = JSONReader(bytes.span)
            if (try? reader.skip()) != nil { _ = try? reader.end() }
        }
    }
}
