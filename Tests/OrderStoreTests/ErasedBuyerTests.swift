import OrderStore
import Shared
import Testing

@Suite struct `An erased buyer` {
    private let pseudonym = Pseudonym(key: String(repeating: "ab", count: 32))!
    private var erased: ErasedBuyer { ErasedBuyer("bob", pseudonym) }

    private func fields(_ words: [String]) -> StreamFields { StreamFields(words.map { Array($0.utf8) }) }

    private func rewritten(_ words: [String]) -> [String]? {
        erased.rewritten(fields(words))?.words.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `has the name from the ledger, and leaves the rest of an order as it is`() {
        let order = ["v", "1", "position", "7", "buyer", "bob", "quantity", "1", "key", "bob-s-key", "trace", "abc"]
        let zeros = String(repeating: "0", count: 32)
        #expect(
            rewritten(order) == [
                "v", "1", "position", "7", "buyer", "erased:\(pseudonym.of("bob"))", "quantity", "1", "key", "erased-7",
                "trace", zeros,
            ])
        #expect(rewritten(order.map { $0 == "bob" ? "alice" : $0 }) == nil)
    }

    @Test func `whose name is another field's value leaves that field alone`() {
        let one = ErasedBuyer("1", pseudonym)
        let order = fields(["v", "1", "buyer", "1", "quantity", "1"])
        #expect(one.rewritten(order) == fields(["v", "1", "buyer", one.name, "quantity", "1"]))
    }

    @Test func `disappears from an entry with a word too many, and from a packed one`() {
        #expect(rewritten(["odd", "buyer", "bob", "key", "k"]) == ["odd", "buyer", erased.name, "key", "erased"])
        let packed = "*4\r\n$5\r\nbuyer\r\n$3\r\nbob\r\n$1\r\nx\r\n$1\r\ny\r\n"
        let result = rewritten(["dlq_id", "1-0", "dlq_packed", packed])
        #expect(result?[3].contains(erased.name) == true)
        #expect(result?[3].contains("bob") == false)
        #expect(result?[3].hasSuffix("$1\r\nx\r\n$1\r\ny\r\n") == true)
    }
}
