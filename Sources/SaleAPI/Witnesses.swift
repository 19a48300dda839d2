import EventLoop
import RedisClient
import Shared

/// Keeps on Redis the highest position of each sale that this process has confirmed to a buyer.
///
/// If Redis and SQLite both lose their newest part, only this records that positions up to there are taken; the worker
/// reads it before it lifts a fence. So it is written again and again: an emptied Redis must have it within the time
/// for which the worker waits (`Reconciler.witnessMilliseconds`).
final class Witnesses {
    private static let publishMilliseconds = 500

    private struct HighestWin {
        var uuid: String
        var position: Int
        var remaining: Int
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    /// Tells the processes of a pool apart.
    private let process = Crypto.randomHex(8)
    private var highest: [SaleID: HighestWin] = [:]

    init(loop: EventLoop, redis: AsyncRedis, seenSales: SeenSales) {
        self.loop = loop
        self.redis = redis
        self.seenSales = seenSales
        tick()
    }

    /// A buyer is being answered that it has `position` in the sale with this uuid; `remaining` units were left after
    /// it, or when it was looked up.
    func recordWin(_ sale: SaleID, uuid: String, position: Int, remaining: Int) {
        if let last = highest[sale], last.uuid == uuid, last.position >= position { return }
        highest[sale] = HighestWin(uuid: uuid, position: position, remaining: remaining)
    }

    /// Writes all of them; called at once on a new connection.
    func publish() {
        guard redis.isReady, let runID = redis.runID else { return }
        for (sale, win) in highest {
            let call = ScriptCall.witness(
                process, of: sale, uuid: win.uuid, position: win.position, remaining: win.remaining, runID: runID)
            // The next tick makes up for a failure.
            redis.run(call) { [weak self] answer in
                guard case .reply(let value) = answer, value.integer == 0 else { return }
                self?.archived(sale)
            }
        }
    }

    private func archived(_ sale: SaleID) {
        highest[sale] = nil
        seenSales.remove(sale)
    }

    private func tick() {
        publish()
        loop.schedule(afterMilliseconds: Self.publishMilliseconds) { [weak self] in self?.tick() }
    }
}
