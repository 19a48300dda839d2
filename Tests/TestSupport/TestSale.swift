import LuaScripts
package import RedisClient
package import Shared

/// Sales for tests, made and used through the real scripts.
package enum TestSale {
    /// Makes a sale and returns its name.
    @discardableResult
    package static func create(
        _ redis: BlockingRedis, _ name: String = "demo", stock: Int = 10, maxPerBuyer: Int = 1,
        opensAt: UnixMilliseconds? = nil, closesAt: UnixMilliseconds? = nil, title: String = "A test",
        admission: NewSale.Admission? = nil
    ) throws -> SaleID {
        let sale = SaleID(name)!
        let made = try redis.create(
            NewSale(
                sale: sale, title: title, stock: stock, maxPerBuyer: maxPerBuyer, opensAt: opensAt, closesAt: closesAt,
                admission: admission))
        precondition(made, "the test's sale exists already")
        return sale
    }

    /// One purchase of a batch.
    package struct Purchase: Sendable {
        package var buyer: String
        package var key: String
        package var quantity: Int
        /// What the API passes to purchase.lua for a ticket, after the quantity; "" for none.
        package var ticket: String

        package init(buyer: String, key: String, quantity: Int = 1, ticket: String = "") {
            self.buyer = buyer
            self.key = key
            self.quantity = quantity
            self.ticket = ticket
        }
    }

    /// The reply of purchase.lua: a letter for each purchase, and a detail for those letters that have one.
    package struct Reply: Equatable, Sendable {
        package var epoch: Int
        package var left: Int
        package var now: Int
        package var securedAt: Int
        package var opensAt: Int
        package var codes: String
        package var details: [String]
    }

    /// Runs purchase.lua as an API process would.
    package static func purchase(
        _ redis: BlockingRedis, _ sale: SaleID, _ purchases: [Purchase], runID: String? = nil
    ) throws -> Reply {
        let keys = SaleKeys(sale)
        let call = ScriptCall(
            .purchase, keys: [keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, keys.tickets],
            [runID ?? redis.facts.runID, "\(sale)"]
                + purchases.flatMap {
                    [
                        $0.buyer, $0.key, "\($0.quantity)\($0.ticket.isEmpty ? "" : " ")\($0.ticket)",
                        String(repeating: "0", count: 31) + "1",
                    ]
                })
        let reply = try redis.run(call)
        let value = reply.value
        var details: [String] = []
        for index in 7..<value.count {
            let detail = value[index]
            details.append(detail.string ?? String(detail.integer ?? -1))
        }
        var numbers: [Int] = []
        for index in 0..<5 { numbers.append(value[index].integer ?? -1) }
        return Reply(
            epoch: numbers[0], left: numbers[1], now: numbers[2], securedAt: numbers[3], opensAt: numbers[4],
            codes: value[5].string ?? "", details: details)
    }

    /// The reply of join.lua.
    package struct Joined: Equatable, Sendable {
        package var codes: String
        package var epoch: Int
        package var now: Int
        package var positions: [Int]
    }

    /// Runs join.lua as an API process would.
    package static func join(_ redis: BlockingRedis, _ sale: SaleID, _ buyers: [String]) throws -> Joined {
        let keys = SaleKeys(sale)
        let reply = try redis.run(
            ScriptCall(
                .join, keys: [keys.sale, keys.stock, keys.tickets, keys.joined], [redis.facts.runID] + buyers))
        let value = reply.value
        var positions: [Int] = []
        for index in 7..<value.count {
            let position = value[index]
            positions.append(position.integer ?? -1)
        }
        let (codes, epoch, now) = (value[0], value[1], value[2])
        return Joined(
            codes: codes.string ?? "", epoch: epoch.integer ?? -1, now: now.integer ?? -1, positions: positions)
    }

    /// The fields of a sale's stream entries after the `create` event, oldest first.
    package static func orderEvents(_ redis: BlockingRedis, _ sale: SaleID) throws -> [[String: String]] {
        let reply = try redis.command(["XRANGE", "\(SaleKeys(sale).orders)", "-", "+"])
        let value = reply.value
        var events: [[String: String]] = []
        for index in 0..<value.count {
            let entry = value[index]
            let fields = entry[1].fields
            if fields["kind"] == "order" { events.append(fields) }
        }
        return events
    }
}
