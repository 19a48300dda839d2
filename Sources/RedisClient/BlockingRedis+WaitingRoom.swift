package import Shared

/// What tools ask of a waiting room, and change of it.
extension BlockingRedis {
    package enum AdmissionChange: Equatable, Sendable {
        case pause
        case resume
        /// Tickets a second.
        case rate(Int)
    }

    /// Changes how fast a waiting room admits, from now on; nil where it is done.
    package func admit(_ sale: SaleID, _ change: AdmissionChange) throws(RedisError) -> ChangeRefusal? {
        let keys = SaleKeys(sale)
        let word: RedisArgument =
            switch change {
            case .pause: "pause"
            case .resume: "resume"
            case .rate(let rate): RedisArgument(rate)
            }
        let reply = try run(.admit, keys: [keys.sale, keys.orders], [RedisArgument(facts.runID), word])
        return reply.integer.flatMap { ChangeRefusal(rawValue: $0) }
    }

    /// A sale's waiting room; nil where there is no such sale, or it has none.
    package func queue(_ sale: SaleID) throws(RedisError) -> QueueStatus? {
        let keys = SaleKeys(sale)
        let reply = try run(.queue, keys: [keys.sale, keys.stock, keys.tickets, keys.joined], [])
        return try QueueStatus(sale: sale, reply.value)
    }
}

extension QueueStatus {
    /// Reads the reply of queue.lua; nil for that of an unknown sale, and of one without a waiting room.
    package init?(sale: SaleID, _ reply: RedisValue) throws(RedisError) {
        if reply.isArray, reply.count == 0 { return nil }
        guard reply.count == 12 else { throw RedisError(.unexpectedReply, "queue.lua", "not twelve values") }
        guard let room = try reply.waitingRoom(2, 3) else { return nil }
        // A value that a sale always has is missing only where somebody has taken it away.
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
