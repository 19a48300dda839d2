import EventLoop
import Testing

@testable import SaleCtl

@Suite struct `Polling` {
    @Test func `asks until the condition holds, and then no more`() {
        var asked = 0
        let holds = Poll.until(Instant.now.advanced(milliseconds: 60_000)) {
            asked += 1
            return asked == 3
        }
        #expect(holds)
        #expect(asked == 3)
    }

    @Test func `asks once even if the time is over`() {
        var asked = 0
        let holds = Poll.until(Instant.now.advanced(milliseconds: -1)) {
            asked += 1
            return false
        }
        #expect(!holds)
        #expect(asked == 1)
    }
}
