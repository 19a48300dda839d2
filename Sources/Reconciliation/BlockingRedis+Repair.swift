import LuaScripts
package import OrderStore
package import RedisClient
package import Shared

extension BlockingRedis {
    /// Buyers that one call of repair.lua takes: two words each of Lua's stack of 8000.
    private static let fieldsMax = 1000

    /// Whether this Redis may sell the sale, and has every part of it.
    package func isServed(_ sale: SaleID) throws(RedisError) -> Bool {
        // First, because the status of a sale that lacks a field can't be read. If it is fenced, that need not be an
        // error.
        guard try servingRunID(of: sale) == facts.runID, let status = try status(sale, allowingGaps: true) else {
            return false
        }
        return status.isServed(by: facts.runID)
    }

    /// The highest position that any API process has confirmed to a buyer in the sale with this uuid; nil if there is
    /// none. An API process that has outlived an earlier sale of this name still reports that one. Numbers that no
    /// sale can have are not believed: what is once recorded as lost can't be taken back.
    package func witness(_ sale: SaleID, uuid: String) throws(RedisError) -> Witness? {
        try command(["HVALS", "\(SaleKeys(sale).witnesses)"]).strings.compactMap { text -> Witness? in
            let words = text.split(separator: " ")
            guard words.count == 3, words[0] == uuid, let position = Int(words[1]), let remaining = Int(words[2]),
                (1...Limits.stockMax).contains(position), (0...Limits.stockMax).contains(remaining)
            else { return nil }
            return Witness(position: position, remaining: remaining)
        }.max { $0.position < $1.position }
    }

    /// The highest position that any API process has confirmed to a buyer in the sale of this name that Redis has; 0 if
    /// there is none.
    package func witnessed(_ sale: SaleID) throws(RedisError) -> Int {
        guard let uuid = try uuid(of: sale) else { return 0 }
        return try witness(sale, uuid: uuid)?.position ?? 0
    }

    /// The events that follow an entry on a sale's stream, without entries that can't be read.
    func events(of sale: SaleID, after id: StreamID) throws(RedisError) -> [OrderEvent] {
        var events: [OrderEvent] = []
        try forEachEntry(of: SaleKeys(sale).orders, after: "\(id)") { _, entry in
            if let event = try? OrderEvent(sale: sale, fields: entry.pairs) { events.append(event) }
        }
        return events
    }

    /// Carries a plan out, under a new epoch; false if Redis has begun to serve the sale, or has another one of its
    /// name. The sale stays fenced.
    package func repair(_ stored: StoredSale, by plan: RepairPlan, epoch: Int) throws(RedisError) -> Bool {
        var start = 0
        repeat {
            let chunk = plan.fields[start..<min(start + Self.fieldsMax, plan.fields.count)]
            let call = ScriptCall.repair(stored, by: plan, chunk, epoch: epoch, runID: facts.runID)
            guard try run(call).integer == 1 else { return false }
            start += chunk.count
        } while start < plan.fields.count
        for order in plan.events { try append(order, to: SaleKeys(stored.record.sale).orders) }
        return true
    }

    /// Sets the last position that a waiting room has given, if it was deleted; returns it then, else nil. Without it,
    /// join.lua gives no positions.
    package func restoreLastTicket(_ sale: SaleID) throws(RedisError) -> Int? {
        let keys = SaleKeys(sale)
        guard try command(["EXISTS", "\(keys.joined)"]).integer == 0 else { return nil }
        // The last position given is the highest that a ticket has: a buyer's later one replaces an earlier one.
        var last = 0
        try forEachField(of: keys.tickets) { _, position in last = max(last, Int(position) ?? 0) }
        guard last > 0 else { return nil }
        // NX: perhaps nobody had joined, and the first buyers have joined meanwhile.
        return try command(["SET", "\(keys.joined)", "\(last)", "NX"]).string == "OK" ? last : nil
    }

    func append(_ order: Order, to stream: String) throws(RedisError) {
        try command([
            "XADD", "\(stream)", "*", "v", "\(OrderEvent.version)", "kind", "order", "order", "\(order.id)",
            "position", "\(order.id.position)", "buyer", "\(order.buyer)", "quantity", "\(order.quantity)",
            "key", "\(order.key)", "trace", "\(order.trace)", "at_ms", "\(order.securedAt.value)",
            "epoch", "\(order.epoch)",
        ])
    }
}

extension ScriptCall {
    /// Completes a sale from what SQLite holds (repair.lua); `fields` are those of the buyers to write.
    fileprivate static func repair(
        _ stored: StoredSale, by plan: RepairPlan, _ fields: ArraySlice<RepairPlan.Field>, epoch: Int, runID: String
    ) -> ScriptCall {
        let record = stored.record
        let settings = record.settings
        let keys = SaleKeys(record.sale)
        // Line by line as the script's header has them.
        return ScriptCall(
            .repair,
            keys: [
                keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, SaleKeys.sales,
                keys.tickets, keys.joined,
            ],
            [
                runID, "\(record.sale)", record.uuid, record.title, "\(plan.stockTotal)", "\(record.maxPerBuyer)",
                "\(settings.opensAt?.value ?? 0)", "\(settings.closesAt?.value ?? 0)", settings.paused ? "1" : "0",
                record.pseudonymKey, "\(epoch)", "\(plan.remaining)",
                "\(plan.position)", "\(stored.persistedPosition)", "\(plan.lastAt.value)", "\(plan.withheld)",
                "\(stored.lastStreamID.milliseconds)", "\(stored.lastStreamID.number)",
                settings.waitingRoom?.schedule.text ?? "", "\(settings.waitingRoom?.turnWindowMilliseconds ?? 0)",
            ] + fields.flatMap { [$0.buyer, $0.wins] })
    }
}
