package import Shared

extension ScriptCall {
    /// Reads a sale's waiting room (queue.lua).
    package static func queue(of sale: SaleID) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(.queue, keys: [keys.sale, keys.stock, keys.tickets, keys.joined])
    }
}

extension BlockingRedis {
    /// A sale's waiting room; nil if there is no such sale, or it has none.
    package func queue(_ sale: SaleID) throws(RedisError) -> QueueStatus? {
        let reply = try run(.queue(of: sale))
        return try QueueStatus(sale: sale, reply.value)
    }
}

extension QueueStatus {
    /// Reads the reply of queue.lua; nil if the sale is unknown, or has no waiting room.
    package init?(sale: SaleID, _ reply: RedisValue) throws(RedisError) {
        if reply.isArray, reply.count == 0 { return nil }
        guard reply.count == 12 else { throw RedisError(.unexpectedReply, "queue.lua", "not twelve values") }
        guard let room = try reply.waitingRoom(2, 3) else { return nil }
        // Every sale has these values; one is missing only if somebody has deleted it.
        func number(_ index: Int) throws(RedisError) -> Int {
            let value = reply[index]
            guard let number = value.integer else {
                throw RedisError(.unexpectedReply, "queue.lua", "value \(index + 1) is no number")
            }
            return number
        }
        func text(_ index: Int) -> String {
            let value = reply[index]
            return value.string ?? ""
        }
        let closesAt = try number(9)
        self.init(
            sale: sale, uuid: text(0), epoch: try number(1), room: room,
            turnsSince: UnixMilliseconds(try number(4)), lastPosition: try number(5), joined: try number(6),
            stockTotal: try number(7), remaining: try number(8),
            closesAt: closesAt == 0 ? nil : UnixMilliseconds(closesAt), pseudonymKey: text(10),
            readAt: UnixMilliseconds(try number(11)))
    }
}
