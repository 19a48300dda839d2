import Shared
import Testing

@testable import OrderStore
@testable import SaleCtl

@Suite struct `salectl's view of dead letters` {
    private func letter(_ reason: String = "malformed", position: Int? = nil, resolution: DeadLetter.Resolution? = nil)
        -> DeadLetter
    {
        DeadLetter(
            sale: SaleID("demo")!, streamID: "1-0", fields: nil, reason: reason, message: "", stage: "decode",
            position: position, quantity: nil, attempts: 1, firstFailedAt: UnixMilliseconds(1),
            lastFailedAt: UnixMilliseconds(1), worker: "w", release: "r", movedAt: nil, resolution: resolution,
            resolvedAt: nil)
    }

    @Test func `has the letters that match every filter`() throws {
        #expect(try LetterFilter([]).matches(letter()))
        #expect(try LetterFilter(["reason=malformed", "stage=decode", "open"]).matches(letter()))
        #expect(try !LetterFilter(["reason=malformed", "stage=apply"]).matches(letter()))
        #expect(try LetterFilter(["position=3-5"]).matches(letter(position: 5)))
        #expect(try !LetterFilter(["position=3"]).matches(letter(position: 5)))
        #expect(try !LetterFilter(["position=3"]).matches(letter()))
        #expect(try !LetterFilter(["open"]).matches(letter(resolution: .redriven)))
        #expect(try LetterFilter(["discarded"]).matches(letter(resolution: .discarded)))
    }

    @Test(arguments: ["", "closed", "reason", "colour=red", "position=x", "position=5-3", "position=1-2-3"])
    func `names a filter that is not valid`(_ text: String) {
        #expect(throws: Arguments.UsageError.self) { _ = try LetterFilter([text]) }
    }

    @Test func `shows every byte`() {
        #expect(EscapedText.of(Array("plain é 日本 \\ \n\r\t\u{7}".utf8)) == "plain é 日本 \\\\ \\n\\r\\t\\x07")
        #expect(EscapedText.of([0xFF, 0x41, 0x00]) == "\\xffA\\x00")
        #expect(EscapedText.of(Array("\u{202E}x".utf8)) == "\\xe2\\x80\\xaex")
    }

    @Test func `is split into chunks of at most a hundred, and ten chunks a second if a rate is given`() {
        let ids = (0..<250).map { "\($0)-0" }
        #expect(LetterChunks(ids, rate: nil).map(\.ids.count) == [100, 100, 50])
        #expect(LetterChunks(ids, rate: nil).allSatisfy { $0.pauseMilliseconds == nil })
        let paced = Array(LetterChunks(ids, rate: 500))
        #expect(paced.map(\.ids.count) == [50, 50, 50, 50, 50])
        #expect(paced.map(\.pauseMilliseconds) == [nil, 100, 100, 100, 100])
        #expect(LetterChunks(["1-0", "2-0"], rate: 2).map(\.pauseMilliseconds) == [nil, 500])
        #expect(LetterChunks([], rate: nil).map(\.ids).isEmpty)
    }
}
