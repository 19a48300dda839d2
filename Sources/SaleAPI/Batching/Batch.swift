import EventLoop
import Shared

/// Requests of one sale that one script call decides, in the order in which they came.
protocol Batch: AnyObject {
    /// The keys that its script takes.
    static func keys(of sale: SaleKeys) -> [String]

    init()
    var count: Int { get }
    /// How many from the front have been answered because their time was up.
    var expired: Int { get set }
    func arrival(of index: Int) -> Instant
    /// Takes out what has expired, before the first sending: it was told that nothing was done, so nothing may be.
    func dropExpired()
    /// Readies a used batch for another round.
    func clear()
}

extension Batch {
    /// Those who have not been answered.
    var waiting: Range<Int> { expired..<count }

    /// Hands over who has waited for longer than `patience`: requests come in order, so they are at the front.
    func expire(_ now: Instant, patience nanoseconds: UInt64, _ answer: (Int) -> Void) {
        while expired < count, now.nanoseconds > arrival(of: expired).nanoseconds + nanoseconds {
            expired += 1
            answer(expired - 1)
        }
    }
}
