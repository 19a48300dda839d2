import Foundation
import Shared
import TestSupport
import Testing

@Suite struct `Base64 for URLs` {
    private func decode(_ text: String) -> [UInt8]? {
        var output = ByteBuffer()
        output.append("kept")
        let valid = text.withBytes { Base64URL.decode($0, into: &output) }
        let bytes = output.withUnsafeBytes { Array($0) }
        // What was there before stays, and a refused text adds nothing.
        guard bytes.starts(with: "kept".utf8), valid || bytes.count == 4 else {
            Issue.record("the output was damaged by \(text)")
            return nil
        }
        return valid ? Array(bytes.dropFirst(4)) : nil
    }

    private func encode(_ bytes: [UInt8]) -> String {
        var output = ByteBuffer()
        Base64URL.encode(bytes.span, into: &output)
        return output.string
    }

    @Test func `decodes what it encoded, and agrees with Foundation`() {
        var random = SeededRandom()
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = encode(bytes)
            let foundation = Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
                .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
            #expect(text == foundation, "seed \(random.seed)")
            #expect(decode(text) == bytes, "seed \(random.seed)")
        }
    }

    @Test(arguments: ["YQ==", "YWI=", "YQ=", "YW+_", "YW/_", "Y Q", "YQ\n", "A", "AAAAA", "YQ\u{0}", "ÄÄ", "Y.Q"])
    func `accepts no padding, no other alphabet, no white space and no impossible length`(_ text: String) {
        #expect(decode(text) == nil)
    }

    @Test(arguments: [10, 11])
    func `accepts no other character in any place, be it of a whole group or of the rest`(_ count: Int) {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        for place in 0..<count {
            let accepted = (UInt8.min...UInt8.max).filter { character in
                var text = [UInt8](repeating: UInt8(ascii: "A"), count: count)
                text[place] = character
                var output = ByteBuffer()
                return Base64URL.decode(text.span, into: &output)
            }
            // The last place holds bits that must be zero.
            #expect(alphabet.isSuperset(of: accepted))
            #expect(accepted.count == (place < count - 1 ? 64 : count == 10 ? 4 : 16))
        }
    }

    @Test func `has exactly one text for every value`() {
        // Two characters hold 12 bits for one byte, three hold 18 for two bytes: the spare bits must be zero.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for first in alphabet {
            for last in alphabet {
                for text in ["\(first)\(last)", "\(first)\(first)\(last)"] {
                    if let bytes = decode(text) { #expect(encode(bytes) == text) }
                }
            }
        }
        #expect(alphabet.filter { decode("A\($0)") != nil }.count == 4)
        #expect(alphabet.filter { decode("AA\($0)") != nil }.count == 16)
    }
}
