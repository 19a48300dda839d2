import EventLoop
import Shared

/// Requests of one sale that one script call decides, in the order of arrival.
protocol Batch: AnyObject {
    /// The keys that its script takes.
    static func keys(of sale: SaleKeys) -> [String]

    init()
    var count: Int { get }
    /// How many requests, from the front, have been answered because their time was up.
    var expired: Int { get set }
    func arrival(of index: Int) -> Instant
    /// Removes expired requests before the first sending: they were answered that nothing was done, so nothing may be.
    func dropExpired()
    /// Readies a used batch for another round.
    func clear()
}

extension Batch {
    /// The requests that have not been answered.
    var waiting: Range<Int> { expired..<count }

    /// Hands over each request that has waited longer than `patience`. Requests come in order, so they are at the
    /// front.
    func expire(_ now: Instant, patience nanoseconds: UInt64, _ answer: (Int) -> Void) {
        while expired < count, now.nanoseconds > arrival(of: expired).nanoseconds + nanoseconds {
            expired += 1
            answer(expired - 1)
        }
    }
}
