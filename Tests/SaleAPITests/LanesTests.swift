import EventLoop
import Shared
import Testing

@testable import SaleAPI

/// Requests that are nothing but the time at which they came.
private final class Arrivals: Batch {
    static func keys(of sale: SaleKeys) -> [String] { [sale.sale] }

    var milliseconds: [Int] = []
    var expired = 0
    var count: Int { milliseconds.count }

    func arrival(of index: Int) -> Instant { Instant(nanoseconds: 0).advanced(milliseconds: milliseconds[index]) }
    func dropExpired() {
        milliseconds.removeFirst(expired)
        expired = 0
    }
    func clear() { (milliseconds, expired) = ([], 0) }
}

@Suite struct `Where requests gather` {
    private let seenSales = SeenSales()
    private let lanes: Lanes<Arrivals>
    private let demo = SaleID("demo")!

    init() {
        lanes = Lanes(seenSales: seenSales, batchMax: 3, pendingMax: 10, patience: 2_500_000_000)
    }

    private func instant(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 0).advanced(milliseconds: milliseconds)
    }

    /// Whether a request that comes at this time is taken.
    @discardableResult
    private func take(_ sale: SaleID, at milliseconds: Int = 0) -> Bool {
        guard let lane = lanes.lane(for: sale) else { return false }
        lane.gathering.milliseconds.append(milliseconds)
        lanes.appended(to: lane)
        return true
    }

    /// What would be sent now, and the lanes that it is of.
    private func send(at milliseconds: Int = 0) -> [(lane: Lane<Arrivals>, requests: [Int])] {
        var sent: [(Lane<Arrivals>, [Int])] = []
        lanes.sendNext(instant(milliseconds)) { sent.append(($0, $1.milliseconds)) }
        return sent
    }

    @Test func `a sale has one batch under way, and the next is what has gathered meanwhile`() throws {
        take(demo, at: 1)
        let first = try #require(send().first)
        #expect(first.requests == [1])
        for time in 2...6 { take(demo, at: time) }
        #expect(send().isEmpty)
        lanes.finish(first.lane)
        #expect(send().map(\.requests) == [[2, 3, 4]])
        lanes.finish(first.lane)
        #expect(send().map(\.requests) == [[5, 6]])
        lanes.finish(first.lane)
        #expect(send().isEmpty)
        #expect(lanes.pending == 0)
    }

    @Test func `sales do not wait for each other`() {
        take(demo, at: 1)
        take(SaleID("other")!, at: 2)
        #expect(send().map(\.requests) == [[1], [2]])
    }

    @Test func `what was told that its time is up is never sent`() {
        for time in [0, 10, 2600] { take(demo, at: time) }
        var refused: [Int] = []
        lanes.expire(instant(2511), sent: { _, _ in Issue.record("nothing was sent") }) {
            refused.append($0.milliseconds[$1])
        }
        #expect(refused == [0, 10])
        #expect(send(at: 2600).map(\.requests) == [[2600]])
        #expect(lanes.pending == 1)
    }

    @Test func `what was sent is told apart from what was not when its time is up`() {
        take(demo, at: 0)
        _ = send()
        take(demo, at: 1)
        var told: [String] = []
        lanes.expire(instant(2502), sent: { told.append("sent \($0.milliseconds[$1])") }) {
            told.append("unsent \($0.milliseconds[$1])")
        }
        #expect(told == ["sent 0", "unsent 1"])
        // Nobody is told twice.
        lanes.expire(instant(9999), sent: { told.append("sent \($0.milliseconds[$1])") }) { told.append("\($1)") }
        #expect(told.count == 2)
    }

    @Test func `no more wait than may, and those who would wait too long are not taken`() throws {
        for _ in 0..<10 { #expect(take(demo)) }
        #expect(!take(demo))
        let lane = try #require(send().first).lane
        lane.recordRoundTrip(until: instant(500))
        lanes.finish(lane)
        // Who comes now waits for two batches of 500 ms, and is taken; who finds three in front would wait for more than half of
        // 2.5 s, and is not.
        #expect(lanes.pending == 7)
        _ = send(at: 500)
        #expect(lane.expectedWaitNanoseconds == 1_000_000_000)
        #expect(take(demo))
        #expect(take(demo))
        #expect(!take(demo))
    }

    @Test func `when Redis is gone who was not sent is handed over, and room is made for others`() {
        for time in 0..<5 { take(demo, at: time) }
        _ = send()
        var refused: [Int] = []
        lanes.refuseUnsent { refused.append($0.milliseconds[$1]) }
        #expect(refused == [3, 4])
        #expect(lanes.pending == 3)
    }

    @Test func `names of sales that were never there cost nothing once nobody waits`() throws {
        take(SaleID("made-up")!)
        #expect(lanes.count == 1)
        let sent = try #require(send().first)
        lanes.finish(sent.lane)
        #expect(lanes.count == 0)
        take(SaleID("made-up")!)
        lanes.refuseUnsent { _, _ in }
        #expect(lanes.count == 0)
    }

    @Test func `a sale that was seen is let in beside any number of made-up ones, and keeps its lane`() throws {
        for number in 0..<1024 { #expect(lanes.lane(for: SaleID("s\(number)")!) != nil) }
        #expect(!take(demo))
        seenSales.insert(demo)
        #expect(take(demo))
        let sent = try #require(send().first)
        lanes.finish(sent.lane)
        #expect(sent.lane === lanes.lane(for: demo))
    }
}
