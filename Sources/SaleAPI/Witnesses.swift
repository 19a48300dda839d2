import EventLoop
import RedisClient
import Shared

/// Keeps on Redis how far this process has told buyers of wins.
///
/// Should Redis and SQLite both lose their newest part, this is the only place where it is still known that positions up to
/// here are taken; the worker reads it before it lifts a fence. So it is written again and again: a Redis that has been
/// emptied must have it within the second and a half for which the worker waits.
final class Witnesses {
    private static let publishMilliseconds = 500

    private struct Witness {
        var uuid: String
        var position: Int
        var remaining: Int
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    /// Tells the processes of a pool apart.
    private let process = Crypto.randomHex(8)
    private var told: [SaleID: Witness] = [:]

    init(loop: EventLoop, redis: AsyncRedis, seenSales: SeenSales) {
        self.loop = loop
        self.redis = redis
        self.seenSales = seenSales
        tick()
    }

    /// A buyer is being told of `position` in the sale with this uuid; `remaining` units were left after it.
    func told(_ sale: SaleID, uuid: String, position: Int, remaining: Int) {
        if let last = told[sale], last.uuid == uuid, last.position >= position { return }
        told[sale] = Witness(uuid: uuid, position: position, remaining: remaining)
    }

    /// Writes what is known; called at once on a new connection.
    func publish() {
        guard redis.isReady else { return }
        for (sale, witness) in told {
            let call = ScriptCall(.witness)
            call.begin(
                keys: [SaleKeys(sale).witnesses, SaleKeys.archived],
                [process, witness.uuid, "\(witness.position)", "\(witness.remaining)", "\(sale)"])
            // A failure is made good by the next time.
            redis.run(call) { [weak self] answer in
                guard case .reply(let value) = answer, value.integer == 0 else { return }
                self?.archived(sale)
            }
        }
    }

    private func archived(_ sale: SaleID) {
        told[sale] = nil
        seenSales.remove(sale)
    }

    private func tick() {
        publish()
        loop.schedule(afterMilliseconds: Self.publishMilliseconds) { [weak self] in self?.tick() }
    }
}
