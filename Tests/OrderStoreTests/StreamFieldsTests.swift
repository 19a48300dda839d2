import Testing

@testable import OrderStore

@Suite struct `The text of packed fields` {
    @Test(arguments: [
        [], [""], ["kind", "order"], ["v", "1", "title", "a\r\nb", "", "\0"], ["$1\r\nx\r\n"],
    ])
    func `reads back as the same fields`(_ texts: [String]) {
        let fields = StreamFields(texts.map { Array($0.utf8) })
        #expect(StreamFields(packed: fields.packed) == fields)
    }

    @Test(arguments: [
        "", "*", "*1", "*1\r\n", "*1\r\n$1\r\n", "*1\r\n$1\r\nxy", "*0\r\n!", "*1\r\n$9\r\nx\r\n",
        // Found by the fuzzer: other texts for the same fields.
        "*0\r\r", "*00\r\n", "*1\r\n$01\r\nx\r\n", "*1\r\n$1\r\nxyz", "*1\r\n$1\r!x\r\n",
    ])
    func `is read only as it is written`(_ text: String) {
        #expect(StreamFields(packed: Array(text.utf8)) == nil)
    }
}
