package import Shared

/// What the worker and the tools ask of a sale.
extension BlockingRedis {
    /// All sales that this Redis knows, by name.
    package func sales() throws(RedisError) -> [SaleID] {
        let reply = try command(["SMEMBERS", RedisArgument(SaleKeys.sales)])
        let names = reply.value.strings
        return names.compactMap { SaleID($0) }.sorted { $0.description < $1.description }
    }

    /// How a sale stands; nil where Redis has no such sale.
    ///
    /// Throws `unexpectedReply` where a part of it is missing; with `allowingGaps` it is told by `isWhole`, and a stock or position
    /// that is missing reads as -1, which no sale has.
    package func status(_ sale: SaleID, allowingGaps: Bool = false) throws(RedisError) -> SaleStatus? {
        let keys = SaleKeys(sale)
        let reply = try run(.status, keys: [keys.sale, keys.stock, keys.position, keys.buyers], [])
        return try SaleStatus(sale: sale, reply.value, missing: allowingGaps ? -1 : nil)
    }

    /// Makes a sale, served by this Redis from here on; false where one of that name, or a part of one, is there already.
    package func create(_ new: NewSale) throws(RedisError) -> Bool {
        let keys = SaleKeys(new.sale)
        let reply = try run(
            .create,
            keys: [
                keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, keys.deadLetters, SaleKeys.sales,
                keys.witnesses, SaleKeys.archived, keys.tickets, keys.joined,
            ],
            [
                RedisArgument(facts.runID), RedisArgument("\(new.sale)"), RedisArgument(Crypto.uuid()),
                RedisArgument(new.title), RedisArgument(new.stock), RedisArgument(new.maxPerBuyer),
                RedisArgument(new.opensAt?.value ?? 0), RedisArgument(new.closesAt?.value ?? 0),
                RedisArgument(Crypto.randomHex(32)), RedisArgument(new.admission?.rate ?? 0),
                RedisArgument(new.admission?.turnWindowMilliseconds ?? 0),
            ])
        return reply.integer == 1
    }

    /// Redis' clock.
    package func time() throws(RedisError) -> UnixMilliseconds {
        let reply = try command(["TIME"])
        let words = reply.value.strings
        guard words.count == 2, let seconds = Int(words[0]), let microseconds = Int(words[1]) else {
            throw RedisError(.unexpectedReply, "TIME", "not seconds and microseconds")
        }
        return UnixMilliseconds(seconds * 1000 + microseconds / 1000)
    }

    /// Lifts the fence of a sale that is as `status` says; false where it has changed since.
    package func stamp(_ status: SaleStatus) throws(RedisError) -> Bool {
        let keys = SaleKeys(status.sale)
        let reply = try run(
            .stamp, keys: [keys.sale, keys.stock, keys.position],
            [
                RedisArgument(facts.runID), RedisArgument(status.uuid), RedisArgument(status.epoch),
                RedisArgument(status.remaining), RedisArgument(status.position),
            ])
        return reply.integer == 1
    }

    package enum Control: String, Sendable { case pause, resume, close }

    /// Pauses, resumes or closes a sale; false where there is no such sale.
    package func control(_ sale: SaleID, _ action: Control) throws(RedisError) -> Bool {
        let keys = SaleKeys(sale)
        let reply = try run(.control, keys: [keys.sale, keys.orders], [RedisArgument(action.rawValue)])
        return reply.integer == 1
    }

    /// Calls `body` with every buyer of a sale and the text of its wins (`Win.parse`), a thousand at a time.
    ///
    /// HSCAN may show a buyer twice; it misses none that was there all along.
    package func forEachBuyer(of sale: SaleID, _ body: (String, String) -> Void) throws(RedisError) {
        var cursor = "0"
        repeat {
            let reply = try command([
                "HSCAN", RedisArgument(SaleKeys(sale).buyers), RedisArgument(cursor), "COUNT", "1000",
            ])
            let answer = reply.value
            guard answer.count == 2 else { throw RedisError(.unexpectedReply, "HSCAN", "not a cursor and a page") }
            cursor = answer[0].string ?? "0"
            let page = answer[1].strings
            for index in stride(from: 0, to: page.count - 1, by: 2) { body(page[index], page[index + 1]) }
        } while cursor != "0"
    }
}

/// A sale that is to be made.
package struct NewSale: Sendable {
    package var sale: SaleID
    package var title: String
    package var stock: Int
    package var maxPerBuyer: Int
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    package var admission: Admission?

    /// A waiting room that is to be made.
    package struct Admission: Sendable {
        /// Tickets a second.
        package var rate: Int
        package var turnWindowMilliseconds: Int

        package init(rate: Int, turnWindowMilliseconds: Int = WaitingRoom.turnWindowDefault) {
            self.rate = rate
            self.turnWindowMilliseconds = turnWindowMilliseconds
        }
    }

    package init(
        sale: SaleID, title: String, stock: Int, maxPerBuyer: Int = 1, opensAt: UnixMilliseconds? = nil,
        closesAt: UnixMilliseconds? = nil, admission: Admission? = nil
    ) {
        self.sale = sale
        self.title = title
        self.stock = stock
        self.maxPerBuyer = maxPerBuyer
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.admission = admission
    }
}

extension SaleStatus {
    /// Reads the reply of status.lua; nil for the empty one of an unknown sale. A stock or position that is missing reads
    /// as `missing`, where that is given.
    package init?(sale: SaleID, _ reply: RedisValue, missing: Int? = nil) throws(RedisError) {
        if reply.isArray, reply.count == 0 { return nil }
        guard reply.count == 16 else { throw RedisError(.unexpectedReply, "status.lua", "not sixteen values") }
        self.init(
            sale: sale, uuid: try reply.text(0), title: try reply.text(1),
            stockTotal: try reply.number(2, "stock_total"), remaining: try reply.number(3, "stock", missing),
            position: try reply.number(4, "position", missing), maxPerBuyer: try reply.number(5, "max_per_buyer"),
            opensAt: try reply.time(6, "opens_at"), closesAt: try reply.time(7, "closes_at"),
            paused: try reply.text(8) == "1", epoch: try reply.number(9, "epoch"), servingRunID: try reply.text(10),
            persistedPosition: try reply.number(11, "persisted_position"),
            readAt: UnixMilliseconds(try reply.number(12, "now_ms")), waitingRoom: try reply.waitingRoom(13, 14))
        hasBuyers = try reply.number(15, "buyers", missing) == 1
    }
}

/// The elements of status.lua's reply.
extension RedisValue {
    /// The schedule and the window of a waiting room; nil where the schedule is "".
    func waitingRoom(_ admission: Int, _ window: Int) throws(RedisError) -> WaitingRoom? {
        let (schedule, milliseconds) = (self[admission], self[window])
        guard let text = schedule.string, !text.isEmpty else { return nil }
        guard let room = WaitingRoom(admission: text, turnWindow: milliseconds.integer ?? 0) else {
            throw RedisError(.unexpectedReply, "status.lua", "admission of the sale is no schedule")
        }
        return room
    }

    fileprivate func text(_ index: Int) throws(RedisError) -> String {
        let element = self[index]
        guard let text = element.string else {
            throw RedisError(.unexpectedReply, "status.lua", "value \(index + 1) is not text")
        }
        return text
    }

    fileprivate func number(_ index: Int, _ name: String, _ missing: Int? = nil) throws(RedisError) -> Int {
        let element = self[index]
        guard let number = element.integer ?? missing else {
            throw RedisError(.unexpectedReply, "status.lua", "\(name) of the sale is missing from Redis")
        }
        return number
    }

    /// A time in milliseconds; 0 stands for unset.
    fileprivate func time(_ index: Int, _ name: String) throws(RedisError) -> UnixMilliseconds? {
        let value = try number(index, name)
        return value == 0 ? nil : UnixMilliseconds(value)
    }
}
