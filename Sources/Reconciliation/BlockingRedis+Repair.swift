package import OrderStore
package import RedisClient
package import Shared

extension BlockingRedis {
    /// Buyers that one call of repair.lua takes: two words each of Lua's stack of 8000.
    private static let fieldsMax = 1000

    /// Whether every part of a sale is there; without one of them it sells nothing.
    package func isComplete(_ sale: SaleID) throws(RedisError) -> Bool {
        guard try status(sale, allowingGaps: true)?.isWhole == true else { return false }
        let stream = try command(["EXISTS", RedisArgument(SaleKeys(sale).orders)])
        return stream.integer == 1
    }

    /// The highest position that any API process has told a buyer of in the sale with this uuid; nil where none has. An API
    /// process that has outlived another sale of the name still speaks of that one.
    package func witness(_ sale: SaleID, uuid: String) throws(RedisError) -> Witness? {
        let reply = try command(["HVALS", RedisArgument(SaleKeys(sale).witnesses)])
        let values = reply.value.strings
        return values.compactMap { text -> Witness? in
            let words = text.split(separator: " ")
            guard words.count == 3, words[0] == uuid, let position = Int(words[1]), let remaining = Int(words[2])
            else { return nil }
            return Witness(position: position, remaining: remaining)
        }.max { $0.position < $1.position }
    }

    /// What the restocks add up to that a sale's stream has behind an entry.
    func restockedUnits(_ sale: SaleID, after id: StreamID) throws(RedisError) -> Int {
        var units = 0
        try forEachEntry(of: SaleKeys(sale).orders, after: "\(id)") { _, entry in
            let words = entry.strings
            let fields = stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
            if fields.contains(where: { $0 == ("kind", "restock") }) {
                units += fields.first { $0.0 == "units" }.flatMap { Int($0.1) } ?? 0
            }
        }
        return units
    }

    /// Carries a plan out, under a new epoch; false where Redis serves the sale meanwhile, or has another of its name. The
    /// sale stays fenced.
    package func repair(_ stored: StoredSale, by plan: RepairPlan, epoch: Int) throws(RedisError) -> Bool {
        let record = stored.record
        let keys = SaleKeys(record.sale)
        let head: [RedisArgument] = [
            RedisArgument(facts.runID), RedisArgument("\(record.sale)"), RedisArgument(record.uuid),
            RedisArgument(record.title), RedisArgument(plan.stockTotal), RedisArgument(record.maxPerBuyer),
            RedisArgument(record.settings.opensAt?.value ?? 0), RedisArgument(record.settings.closesAt?.value ?? 0),
            RedisArgument(record.settings.paused ? 1 : 0), RedisArgument(record.pseudonymKey), RedisArgument(epoch),
            RedisArgument(plan.remaining), RedisArgument(plan.position), RedisArgument(stored.persistedPosition),
            RedisArgument(plan.lastAt.value), RedisArgument(plan.withheld),
            RedisArgument(stored.lastStreamID.milliseconds), RedisArgument(stored.lastStreamID.number),
            RedisArgument(record.settings.waitingRoom?.schedule.text ?? ""),
            RedisArgument(record.settings.waitingRoom?.turnWindowMilliseconds ?? 0),
        ]
        var start = 0
        repeat {
            let chunk = plan.fields[start..<min(start + Self.fieldsMax, plan.fields.count)]
            let reply = try run(
                .repair,
                keys: [
                    keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, SaleKeys.sales, keys.tickets,
                    keys.joined,
                ],
                head + chunk.flatMap { [RedisArgument($0.buyer), RedisArgument($0.wins)] })
            guard reply.integer == 1 else { return false }
            start += chunk.count
        } while start < plan.fields.count
        for order in plan.events { try append(order, to: keys.orders) }
        return true
    }

    func append(_ order: Order, to stream: String) throws(RedisError) {
        try command([
            "XADD", RedisArgument(stream), "*", "v", RedisArgument(OrderEvent.version), "kind", "order",
            "order", RedisArgument("\(order.id)"), "position", RedisArgument(order.id.position),
            "buyer", RedisArgument(order.buyer), "quantity", RedisArgument(order.quantity),
            "key", RedisArgument(order.key), "trace", RedisArgument(order.trace),
            "at_ms", RedisArgument(order.securedAt.value), "epoch", RedisArgument(order.epoch),
        ])
    }
}
