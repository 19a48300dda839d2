import Glibc
import Shared
import TestSupport
import Testing

@Suite struct `A byte buffer` {
    @Test(arguments: [0, 1, -1, 9, 10, 99, 100, 12_345, 999_999_999_999_999_999, Int.max, Int.min])
    func `writes a number as Swift does`(_ number: Int) {
        var buffer = ByteBuffer(capacity: 0)
        buffer.append(decimal: number)
        #expect(buffer.string == "\(number)")
    }

    @Test(arguments: [(0, 1, "0"), (0, 3, "000"), (7, 2, "07"), (10, 2, "10"), (999, 2, "999"), (5, 4, "0005")])
    func `fills a number with zeros to its width`(_ number: Int, _ width: Int, _ text: String) {
        var buffer = ByteBuffer()
        buffer.append(decimal: number, width: width)
        #expect(buffer.string == text)
    }

    @Test func `holds what a plain array holds, whatever is done to it`() {
        var random = SeededRandom()
        var buffer = ByteBuffer(capacity: 0)
        var model: [UInt8] = []
        for _ in 0..<5000 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                buffer.removeAll()
                model.removeAll()
            case 1:
                buffer.release()
                model.removeAll()
            case 2:
                let count = Int.random(in: 0...model.count, using: &random)
                buffer.removeFirst(count)
                model.removeFirst(count)
            case 3:
                let count = Int.random(in: 0...min(model.count, 5), using: &random)
                buffer.removeLast(count)
                model.removeLast(count)
            case 4:
                let room = Int.random(in: 0...300, using: &random)
                let used = Int.random(in: 0...room, using: &random)
                buffer.append(upTo: room) { bytes in
                    for index in 0..<used { bytes[index] = 7 }
                    return used
                }
                model += [UInt8](repeating: 7, count: used)
            default:
                let bytes = (0..<Int.random(in: 0...70, using: &random)).map { _ in UInt8.random(in: 0...255) }
                buffer.append(bytes.span)
                model += bytes
            }
            let held = buffer.withUnsafeBytes { Array($0) }
            guard held == model else {
                Issue.record("the buffer differs; seed \(random.seed)")
                return
            }
        }
    }

    @Test func `replaces bytes that are not UTF-8 when read as text`() {
        var buffer = ByteBuffer()
        buffer.append([0x61, 0xFF, 0x62].span)
        #expect(buffer.string == "a\u{FFFD}b")
    }

    @Test func `writes hexadecimal in lower case`() {
        var buffer = ByteBuffer()
        buffer.append(hex: [0x00, 0x9F, 0xAB, 0xFF].span)
        #expect(buffer.string == "009fabff")
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t", #""\n\r\t""#),
        ("\u{1}\u{1F}", #""\u0001\u001f""#), ("Zoë 🎟", #""Zoë 🎟""#), ("a/b", #""a/b""#),
    ])
    func `writes a JSON string`(_ text: String, _ json: String) {
        var buffer = ByteBuffer()
        buffer.append(json: text)
        #expect(buffer.string == json)
    }

    @Test func `puts commas between members, and none before the first`() {
        var buffer = ByteBuffer()
        buffer.append("{")
        buffer.appendMember("n", -1)
        buffer.appendMember("text", "{")
        buffer.appendMember("yes", true)
        buffer.appendMember("when", time: UnixMilliseconds(1))
        buffer.appendMember("never", time: nil)
        buffer.append("}")
        #expect(buffer.string == #"{"n":-1,"text":"{","yes":true,"when":"1970-01-01T00:00:00.001Z","never":null}"#)
    }

    @Test func `writes objects within objects, and null for what is missing`() {
        let none: (a: Int, b: Int)? = nil
        let json = ByteBuffer.json { text in
            text.appendMember("sale", SaleID("demo")!)
            text.appendMember("one", Optional(1))
            text.appendMember("no", Int?.none)
            text.appendMember("objects", objects: [2, 3]) { $0.appendMember("n", $1) }
            text.appendMember("empty", objects: [Int]()) { $0.appendMember("n", $1) }
            text.appendMember("object", object: (a: 4, b: 5)) { text, pair in
                text.appendMember("a", pair.a)
                text.appendMember("b", pair.b)
            }
            text.appendMember("nothing", object: none) { $0.appendMember("a", $1.a) }
            text.appendMember("last", true)
        }
        #expect(
            json == #"{"sale":"demo","one":1,"no":null,"objects":[{"n":2},{"n":3}],"empty":[],"#
                + #""object":{"a":4,"b":5},"nothing":null,"last":true}"#)
    }

    @Test func `removing more bytes than there are ends the process`() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer()
            buffer.append("ab")
            buffer.removeFirst(3)
        }
    }
}

@Suite struct `Bytes read as ASCII` {
    @Test(
        arguments: [
            ("0", 0), ("00042", 42), ("999999999999999999", 999_999_999_999_999_999), ("", nil), ("-1", nil),
            ("+1", nil),
            (" 1", nil), ("1 ", nil), ("1.0", nil), ("0x1", nil), ("1234567890123456789", nil), ("١", nil),
        ] as [(String, Int?)])
    func `a decimal is one to eighteen digits and nothing else`(_ text: String, _ value: Int?) {
        #expect(text.withBytes { $0.decimal } == value)
    }

    @Test func `are compared without case only if they are ASCII letters`() {
        #expect("BeaReR".withBytes { $0.equalsIgnoringCase("bearer") })
        #expect("[".withBytes { !$0.equalsIgnoringCase("{") })
        #expect("bearer ".withBytes { !$0.equalsIgnoringCase("bearer") })
    }

    @Test func `are compared without case at every byte, whatever the length`() {
        let names: [StaticString] = ["te", "expect", "if-match", "connection", "authorization", "transfer-encoding"]
        for name in names {
            let bytes = Array("\(name)".utf8)
            for index in bytes.indices {
                for byte in UInt8.min...UInt8.max {
                    var changed = bytes
                    changed[index] = byte
                    let same = asciiLowercased(byte) == bytes[index]
                    guard changed.span.equalsIgnoringCase(name) != same else { continue }
                    Issue.record("\(name) with \(byte) at \(index)")
                }
            }
        }
    }

    @Test func `don't start with more bytes than there are`() {
        #expect("ab".withBytes { $0.starts(with: "ab") && $0.starts(with: "") && !$0.starts(with: "abc") })
        #expect("abcabc".withBytes { $0.firstIndex(of: UInt8(ascii: "c"), from: 3) } == 5)
        #expect("ab".withBytes { $0.firstIndex(of: UInt8(ascii: "c")) } == nil)
    }

    @Test func `can be followed by a NUL for C that is not counted, whatever was there before`() {
        var buffer = ByteBuffer(capacity: 16)
        buffer.append("0123456789abcde$")
        buffer.removeAll()
        buffer.append("0123456789abcde")
        buffer.terminate()
        #expect(buffer.count == 15)
        let length = buffer.withUnsafeBytes { strlen($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
        #expect(length == 15)
    }
}
