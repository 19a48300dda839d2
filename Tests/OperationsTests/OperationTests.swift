import Operations
import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `An operation` {
    private static let sale = SaleID("demo")!

    private func parse(_ text: String) throws -> Operation { try text.withBytes { try Operation(parsing: $0) } }

    @Test(arguments: [
        Operation.redrive(
            .init(
                sale: sale, ids: ["1-0", "1795526183715-12"], reason: "a \"mended\" \u{1F600} release\n",
                isRehearsal: true)),
        .discard(.init(sale: sale, ids: ["1-0"], reason: "rubbish", isRehearsal: false)),
        .erase(sale: sale, buyer: "b\"\\/7", reason: "request 12"),
    ])
    func `reads as it was written`(_ operation: Operation) throws {
        #expect(try parse(operation.json) == operation)
    }

    @Test func `takes escapes as JSON defines them`() throws {
        let text = #"{"operation":"erase","sale":"demo","buyer":"a\u0062\/c","reason":"\u00e9\ud83d\ude00\t"}"#
        #expect(try parse(text) == .erase(sale: Self.sale, buyer: "ab/c", reason: "\u{E9}\u{1F600}\t"))
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"operation":"redrive"}"#,
        #"{"operation":"frobnicate","sale":"demo","ids":["1-0"],"reason":"r"}"#,
        #"{"operation":"redrive","sale":"DEMO","ids":["1-0"],"reason":"r"}"#,
        #"{"operation":"redrive","sale":"demo","ids":[],"reason":"r"}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1"],"reason":"r"}"#,
        #"{"operation":"redrive","sale":"demo","ids":["-"],"reason":"r"}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":""}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"]}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":"r","force":true}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":"r","dry_run":null}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":"r","reason":"s"}"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":"r"}{"#,
        #"{"operation":"redrive","sale":"demo","ids":["1-0"],"reason":"\ud83d"}"#,
        #"{"operation":"erase","sale":"demo","buyer":"a b","reason":"r"}"#,
        #"{"operation":"erase","sale":"demo","reason":"r"}"#,
        #"{"operation":"erase","sale":"demo","buyer":"b","ids":["1-0"],"reason":"r"}"#,
    ])
    func `is refused if it is malformed`(_ text: String) {
        #expect(throws: Operation.Malformed.self) { _ = try parse(text) }
    }

    @Test func `holds a hundred dead letters with the longest reason, and not one more`() throws {
        let ids = (0..<100).map { "18446744073709551615-184467440737095516\(10 + $0 % 90)" }
        let letters = Operation.DeadLetters(
            sale: Self.sale, ids: ids, reason: String(repeating: "\u{1}", count: 500), isRehearsal: false)
        #expect(try parse(Operation.redrive(letters).json) == .redrive(letters))
        var more = letters
        more.ids.append("1-0")
        #expect(throws: Operation.Malformed.self) { _ = try parse(Operation.redrive(more).json) }
    }

    @Test func `has results that read as they were written`() throws {
        let results = DeadLetterResults([
            DeadLetterResult(id: "1-0", outcome: .applied),
            DeadLetterResult(id: "2-0", outcome: .failedAgain, message: "no \"v\""),
            DeadLetterResult(id: "3-0", outcome: .skipped, message: "was discarded", resolution: .discarded),
        ])
        #expect(results.json.withBytes { DeadLetterResults(parsing: $0) } == results)
        #expect("{\"results\":[{\"id\":\"1-0\"}]}".withBytes { DeadLetterResults(parsing: $0) } == nil)
    }
}
