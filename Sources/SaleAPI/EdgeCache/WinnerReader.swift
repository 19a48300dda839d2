import RedisClient
import Shared

/// Reads all winners of a sold-out sale.
///
/// Redis has said, confirmed by its replicas, that nothing is left; while that holds, the `buyers` hash does not
/// change. So it is read piece by piece (HSCAN), and then Redis is asked once more. The read is complete if the sale is
/// still the same version and each position from 1 to the last has its buyer.
final class WinnerReader {
    enum Outcome {
        case read(SoldOutSale, SaleStatus)
        /// The sale can't be held, and reading it again would not change that.
        case refused(String)
        /// Redis went away or was busy, or the sale changed during the read.
        case interrupted
    }

    /// Fields per HSCAN. Redis takes 0.12 ms for them (`INFO commandstats`), and buyers who press meanwhile wait that
    /// long.
    private static let fieldsPerScan = 250

    private let sale: SaleID
    private let soldOut: SoldOutSale
    private let redis: AsyncRedis
    private let done: (Outcome) -> Void
    private var isReadable = true

    /// `done` is called once.
    init(_ sale: SaleID, into soldOut: SoldOutSale, redis: AsyncRedis, _ done: @escaping (Outcome) -> Void) {
        self.sale = sale
        self.soldOut = soldOut
        self.redis = redis
        self.done = done
    }

    func start() { scan(from: "0") }

    private func scan(from cursor: String) {
        guard redis.isReady else { return done(.interrupted) }
        let arguments: [RedisArgument] = [
            "HSCAN", "\(SaleKeys(sale).buyers)", "\(cursor)", "COUNT", "\(Self.fieldsPerScan)",
        ]
        redis.send(arguments, "HSCAN") { [self] answer in
            switch answer {
            case .failure(let error) where error.code == .notPermitted: done(.refused("\(error)"))
            case .failure: done(.interrupted)
            case .reply(let value):
                guard value.count == 2, let next = value[0].string, add(value[1]) else {
                    // Or one has won meanwhile.
                    isReadable = false
                    return conclude()
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
                    return soldOut.add(buyer, wins)
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
                SoldOutSale.Version(status) == soldOut.version
            else { return done(.interrupted) }
            guard isReadable else { return done(.refused("its buyers can't be read as winners")) }
            guard soldOut.isComplete else { return done(.refused("a position has no winner")) }
            done(.read(soldOut, status))
        }
    }
}
