import RedisClient
import Shared

/// Reads all winners of a sale that is sold out.
///
/// Nothing is left, and Redis has said so, confirmed by its replicas: while that stays so, the `buyers` hash does not change. So
/// it is read piece by piece (HSCAN), and Redis is asked once more. What was read is all there is if the sale is still the same
/// and each position from 1 to the last has its buyer.
final class WinnerReader {
    enum Outcome {
        case read(SoldOutSale, SaleStatus)
        /// It can't be held, and trying again would not change that.
        case refused(String)
        /// Redis went away, or the sale changed meanwhile.
        case interrupted
    }

    /// Fields asked for at once: Redis takes 0.12 ms for them (`INFO commandstats`), and whoever presses meanwhile waits that long.
    private static let fieldsPerScan = 250

    private let sale: SaleID
    private let settled: SoldOutSale
    private let redis: AsyncRedis
    private let done: (Outcome) -> Void

    /// `done` is told once.
    init(_ sale: SaleID, into settled: SoldOutSale, redis: AsyncRedis, _ done: @escaping (Outcome) -> Void) {
        self.sale = sale
        self.settled = settled
        self.redis = redis
        self.done = done
    }

    func start() { scan(from: "0") }

    private func scan(from cursor: String) {
        guard redis.isReady else { return done(.interrupted) }
        let arguments: [RedisArgument] = [
            "HSCAN", RedisArgument(SaleKeys(sale).buyers), RedisArgument(cursor), "COUNT",
            RedisArgument(Self.fieldsPerScan),
        ]
        redis.send(arguments, "HSCAN") { [self] answer in
            switch answer {
            case .failure(let error) where error.effect == .unknown: done(.interrupted)
            case .failure(let error): done(.refused("\(error)"))
            case .reply(let value):
                guard value.count == 2, let next = value[0].string, add(value[1]) else {
                    return done(.refused("its buyers can't be read as winners"))
                }
                if next == "0" { conclude() } else { scan(from: next) }
            }
        }
    }

    private func add(_ fields: borrowing RedisValue) -> Bool {
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let isWinner = fields[index].withBytes { buyer in
                fields[index + 1].withBytes { wins in
                    guard let buyer, let wins else { return false }
                    return settled.add(buyer, wins)
                }
            }
            guard isWinner else { return false }
        }
        return true
    }

    private func conclude() {
        guard redis.isReady else { return done(.interrupted) }
        redis.status(of: sale) { [self] finding in
            guard case .confirmed(let status) = finding, status.servingRunID == redis.runID,
                SoldOutSale.Version(status) == settled.version
            else { return done(.interrupted) }
            guard settled.isComplete else { return done(.refused("a position has no winner")) }
            done(.read(settled, status))
        }
    }
}
