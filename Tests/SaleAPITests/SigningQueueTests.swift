import EventLoop
import Testing

@testable import SaleAPI

@Suite struct `The signing queue` {
    @Test func `signs a few in each pass of the loop, in order`() throws {
        let loop = try EventLoop()
        let queue = SigningQueue(loop: loop)
        let count = SigningQueue.perPass * 2 + 1
        var signed: [Int] = []
        for number in 0..<count { queue.add { signed.append(number) } }
        #expect(signed.isEmpty)
        for most in [SigningQueue.perPass, SigningQueue.perPass * 2, count, count] {
            try loop.pass(waitMilliseconds: 0)
            #expect(signed == Array(0..<most))
        }
        // A signature added by another one is made, too.
        queue.add { queue.add { signed.append(-1) } }
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 0) }
        #expect(signed.last == -1)
    }
}
