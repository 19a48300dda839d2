import LuaScripts
package import Shared

extension ScriptCall {
    /// Reads a sale (status.lua).
    package static func status(of sale: SaleID) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(.status, keys: [keys.sale, keys.stock, keys.position, keys.buyers, keys.orders])
    }
}

extension BlockingRedis {
    /// How a sale stands; nil if Redis has no such sale.
    ///
    /// Throws `unexpectedReply` if a part of it is missing, except for the stream. With `allowingGaps` that shows in
    /// `isWhole` instead, as a missing stream always does; a missing stock or position reads as -1, which no sale has.
    package func status(_ sale: SaleID, allowingGaps: Bool = false) throws(RedisError) -> SaleStatus? {
        let reply = try run(.status(of: sale))
        return try SaleStatus(sale: sale, reply.value, missing: allowingGaps ? -1 : nil)
    }
}

/// What asking Redis for a sale has found.
package enum SaleFinding {
    /// The sale, as the replicas know it too.
    case confirmed(SaleStatus)
    case noSuchSale
    /// It is there, and lacks a part.
    case incomplete
    /// Redis gave no answer, or none that can be relied on.
    case nothing
}

extension AsyncRedis {
    /// Asks for a sale. `done` is called once, and with a sale only if its replicas have what was read. `isReady` must
    /// hold.
    package func status(of sale: SaleID, _ done: @escaping (SaleFinding) -> Void) {
        read(.status(of: sale), { SaleFinding(sale, $0) }, { done($0 ?? .nothing) })
    }
}

extension SaleFinding {
    fileprivate init(_ sale: SaleID, _ value: RedisValue) {
        do throws(RedisError) {
            self = try SaleStatus(sale: sale, value).map { .confirmed($0) } ?? .noSuchSale
        } catch {
            self = .incomplete
        }
    }
}

extension SaleStatus {
    /// Reads the reply of status.lua; nil for the empty one, of an unknown sale. A missing stock or position reads as
    /// `missing`, if that is given.
    package init?(sale: SaleID, _ value: RedisValue, missing: Int? = nil) throws(RedisError) {
        if value.isArray, value.count == 0 { return nil }
        guard value.count == 17 else { throw RedisError(.unexpectedReply, "status.lua", "not seventeen values") }
        let reply = ScriptReply(value, of: "status.lua")
        self.init(
            sale: sale, uuid: try reply.text(0), title: try reply.text(1),
            stockTotal: try reply.number(2, "stock_total"), remaining: try reply.number(3, "stock", missing),
            position: try reply.number(4, "position", missing), maxPerBuyer: try reply.number(5, "max_per_buyer"),
            settings: SaleSettings(
                opensAt: try reply.time(6, "opens_at"), closesAt: try reply.time(7, "closes_at"),
                paused: try reply.text(8) == "1", waitingRoom: try reply.waitingRoom(13, 14)),
            epoch: try reply.number(9, "epoch"), servingRunID: try reply.text(10),
            persistedPosition: try reply.number(11, "persisted_position"),
            readAt: UnixMilliseconds(try reply.number(12, "now_ms")))
        hasBuyers = try reply.number(15, "buyers", missing) == 1
        hasStream = try reply.number(16, "stream", 0) == 1
    }
}
