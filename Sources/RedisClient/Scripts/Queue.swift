import LuaScripts
package import Shared

extension ScriptCall {
    /// Reads a sale's waiting room (queue.lua).
    package static func queue(of sale: SaleID, runID: String) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(.queue, keys: [keys.sale, keys.stock, keys.tickets, keys.joined], [runID])
    }
}

extension BlockingRedis {
    /// A sale's waiting room; nil if there is no such sale, or it has none.
    package func queue(_ sale: SaleID) throws(RedisError) -> QueueStatus? {
        let reply = try run(.queue(of: sale, runID: facts.runID))
        return try QueueStatus(sale: sale, reply.value)
    }
}

extension QueueStatus {
    /// Reads the reply of queue.lua; nil if the sale is unknown, or has no waiting room.
    package init?(sale: SaleID, _ value: RedisValue) throws(RedisError) {
        if value.isArray, value.count == 0 { return nil }
        guard value.count == 12 else { throw RedisError(.unexpectedReply, "queue.lua", "not twelve values") }
        let reply = ScriptReply(value, of: "queue.lua")
        guard let room = try reply.waitingRoom(2, 3) else { return nil }
        self.init(
            sale: sale, uuid: try reply.text(0), epoch: try reply.number(1, "epoch"), room: room,
            turnsSince: UnixMilliseconds(try reply.number(4, "turns_since_ms")),
            lastPosition: try reply.number(5, "the last ticket's position"), joined: try reply.number(6, "joined"),
            stockTotal: try reply.number(7, "stock_total"), remaining: try reply.number(8, "stock"),
            closesAt: try reply.time(9, "closes_at"), pseudonymKey: try reply.text(10),
            readAt: UnixMilliseconds(try reply.number(11, "now_ms")))
    }
}
