import Shared
import Testing

@Suite struct `A counted thing` {
    @Test func `has the form that belongs to its number`() {
        #expect(counted(1, "letter") == "1 letter")
        #expect(counted(0, "letter") == "0 letters")
        #expect(counted(1, "stream entry is", "stream entries are") == "1 stream entry is")
        #expect(counted(2, "stream entry is", "stream entries are") == "2 stream entries are")
    }
}
