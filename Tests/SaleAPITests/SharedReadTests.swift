import EventLoop
import Testing

@testable import SaleAPI

@Suite struct `A read that many share` {
    private let shared: SharedRead<Int>

    init() throws { shared = SharedRead(loop: try EventLoop()) }

    @Test func `is made once for all who ask meanwhile`() {
        var ends: [(Int?) -> Void] = []
        var answers: [Int?] = []
        for _ in 0..<2 { shared.ask({ answers.append($0?.value) }, read: { ends.append($0) }) }
        #expect(ends.count == 1 && shared.count == 2)
        ends[0](7)
        #expect(answers == [7, 7])
        #expect(shared.fresh?.value == 7)
        #expect(shared.count == 0)
    }

    @Test func `says nothing once it was ended because Redis was lost`() {
        var ends: [(Int?) -> Void] = []
        var answers: [Int?] = []
        func ask() { shared.ask({ answers.append($0?.value) }, read: { ends.append($0) }) }
        ask()
        shared.redisBecameUnavailable()
        #expect(answers == [nil])
        ends[0](1)
        #expect(shared.fresh == nil)
        ask()
        // Neither its late failure nor its late value is that of the next read.
        ends[0](nil)
        ends[0](1)
        #expect(answers == [nil])
        ends[1](2)
        #expect(answers == [nil, 2])
        #expect(shared.fresh?.value == 2)
    }
}
