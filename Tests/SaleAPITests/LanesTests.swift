import EventLoop
import Shared
import Testing

@testable import SaleAPI

/// Requests that consist of nothing but their time of arrival.
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

@Suite struct `The lanes` {
    private let seenSales = SeenSales()
    private let lanes: Lanes<Arrivals>
    private let demo = SaleID("demo")!

    init() {
        lanes = Lanes(seenSales: seenSales, batchMax: 3, pendingMax: 10, patience: 2_500_000_000)
    }

    private func instant(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 0).advanced(milliseconds: milliseconds)
    }

    /// Submits a request at this time. Returns whether it is taken.
    @discardableResult
    private func take(_ sale: SaleID, at milliseconds: Int = 0) -> Bool {
        guard let lane = lanes.lane(for: sale) else { return false }
        lane.gathering.milliseconds.append(milliseconds)
        lanes.appended(to: lane)
        return true
    }

    /// The batches that are sent now, with their lanes.
    private func send(at milliseconds: Int = 0) -> [(lane: Lane<Arrivals>, requests: [Int])] {
        var sent: [(Lane<Arrivals>, [Int])] = []
        lanes.sendNext(instant(milliseconds)) { sent.append(($0, $1.milliseconds)) }
        return sent
    }

    @Test func `keep one batch of a sale in flight while the next gathers`() throws {
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

    @Test func `send sales independently`() {
        take(demo, at: 1)
        take(SaleID("other")!, at: 2)
        #expect(send().map(\.requests) == [[1], [2]])
    }

    @Test func `never send a request that has expired`() {
        for time in [0, 10, 2600] { take(demo, at: time) }
        var refused: [Int] = []
        lanes.expire(instant(2511), sent: { _, _ in Issue.record("nothing was sent") }) {
            refused.append($0.milliseconds[$1])
        }
        #expect(refused == [0, 10])
        #expect(send(at: 2600).map(\.requests) == [[2600]])
        #expect(lanes.pending == 1)
    }

    @Test func `tell expired requests that were sent from those that were not`() {
        take(demo, at: 0)
        _ = send()
        take(demo, at: 1)
        var expired: [String] = []
        lanes.expire(instant(2502), sent: { expired.append("sent \($0.milliseconds[$1])") }) {
            expired.append("unsent \($0.milliseconds[$1])")
        }
        #expect(expired == ["sent 0", "unsent 1"])
        // Each request is handed over once.
        lanes.expire(instant(9999), sent: { expired.append("sent \($0.milliseconds[$1])") }) { expired.append("\($1)") }
        #expect(expired.count == 2)
    }

    @Test func `take no more than may wait, and nobody who would wait too long`() throws {
        for _ in 0..<10 { #expect(take(demo)) }
        #expect(!take(demo))
        let lane = try #require(send().first).lane
        lane.recordRoundTrip(until: instant(500))
        lanes.finish(lane)
        // A request now waits for two batches of 500 ms, and is taken. With three in front it would wait for more than
        // half of 2.5 s, and is not.
        #expect(lanes.pending == 7)
        _ = send(at: 500)
        #expect(lane.expectedWaitNanoseconds == 1_000_000_000)
        #expect(take(demo))
        #expect(take(demo))
        #expect(!take(demo))
    }

    @Test func `expect to wait for the batches in front, including the one with Redis`() {
        let lane = Lane(demo, gathering: PurchaseBatch())
        lane.begin(PurchaseBatch(), at: Instant(nanoseconds: 1000))
        lane.recordRoundTrip(until: Instant(nanoseconds: 5000))
        #expect(lane.expectedWaitNanoseconds == 4000)
        for _ in 0..<2 { lane.gather(next: PurchaseBatch()) }
        #expect(lane.expectedWaitNanoseconds == 12_000)
        _ = lane.takeAll(next: PurchaseBatch())
        _ = lane.end()
        #expect(lane.expectedWaitNanoseconds == 0)
    }

    @Test func `hand over unsent requests when Redis is gone, and have room again`() {
        for time in 0..<5 { take(demo, at: time) }
        _ = send()
        var refused: [Int] = []
        lanes.refuseUnsent { refused.append($0.milliseconds[$1]) }
        #expect(refused == [3, 4])
        #expect(lanes.pending == 3)
    }

    @Test func `drop the lane of a made-up sale once nobody waits in it`() throws {
        take(SaleID("made-up")!)
        #expect(lanes.count == 1)
        let sent = try #require(send().first)
        lanes.finish(sent.lane)
        #expect(lanes.count == 0)
        take(SaleID("made-up")!)
        lanes.refuseUnsent { _, _ in }
        #expect(lanes.count == 0)
    }

    @Test func `admit a seen sale beside any number of made-up ones, and keep its lane`() throws {
        for number in 0..<1024 { #expect(lanes.lane(for: SaleID("s\(number)")!) != nil) }
        #expect(!take(demo))
        seenSales.insert(demo)
        #expect(take(demo))
        let sent = try #require(send().first)
        lanes.finish(sent.lane)
        #expect(sent.lane === lanes.lane(for: demo))
    }
}
