import OrderStore
import Shared
import Testing

@Suite struct `An erased buyer` {
    private let pseudonym = Pseudonym(key: String(repeating: "ab", count: 32))!
    private var erased: ErasedBuyer { ErasedBuyer("bob", pseudonym) }

    private func rewritten(_ words: [String]) -> [String]? {
        erased.rewritten(words.map { Array($0.utf8) })?.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `is called as on the ledger, and leaves the rest of an order as it is`() {
        let order = ["v", "1", "position", "7", "buyer", "bob", "quantity", "1", "key", "bob-s-key", "trace", "abc"]
        let zeros = String(repeating: "0", count: 32)
        #expect(
            rewritten(order) == [
                "v", "1", "position", "7", "buyer", "erased:\(pseudonym.of("bob"))", "quantity", "1", "key", "erased-7",
                "trace", zeros,
            ])
        #expect(rewritten(order.map { $0 == "bob" ? "alice" : $0 }) == nil)
    }

    @Test func `who is called like another field's value leaves that field alone`() {
        let one = ErasedBuyer("1", pseudonym)
        let order = ["v", "1", "buyer", "1", "quantity", "1"].map { Array($0.utf8) }
        #expect(one.rewritten(order) == ["v", "1", "buyer", one.name, "quantity", "1"].map { Array($0.utf8) })
    }

    @Test func `goes from an entry that is out of step, and from a letter that is packed`() {
        #expect(rewritten(["odd", "buyer", "bob", "key", "k"]) == ["odd", "buyer", erased.name, "key", "erased"])
        let packed = "*4\r\n$5\r\nbuyer\r\n$3\r\nbob\r\n$1\r\nx\r\n$1\r\ny\r\n"
        let result = rewritten(["dlq_id", "1-0", "dlq_packed", packed])
        #expect(result?[3].contains(erased.name) == true)
        #expect(result?[3].contains("bob") == false)
        #expect(result?[3].hasSuffix("$1\r\nx\r\n$1\r\ny\r\n") == true)
    }
}
