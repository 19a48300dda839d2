import EventLoop
import Testing

@testable import SaleAPI

@Suite struct `The signing of receipts` {
    @Test func `signs a few in each pass of the loop, in order`() throws {
        let loop = try EventLoop()
        let signing = ReceiptSigning(keys: nil, loop: loop)
        let count = ReceiptSigning.perPass * 2 + 1
        var signed: [Int] = []
        for number in 0..<count { signing.add { signed.append(number) } }
        #expect(signed.isEmpty)
        for most in [ReceiptSigning.perPass, ReceiptSigning.perPass * 2, count, count] {
            try loop.pass(waitMilliseconds: 0)
            #expect(signed == Array(0..<most))
        }
        // A signature added by another one is made, too.
        signing.add { signing.add { signed.append(-1) } }
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 0) }
        #expect(signed.last == -1)
    }
}
