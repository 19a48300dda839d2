/// How many machines a sale needs: plain arithmetic on measured costs.
struct CapacityPlan {
    /// What a sale is expected to bring.
    struct Demand {
        var buyers: Int
        /// Seconds in which all of them press.
        var seconds: Double
        var stock: Int
        /// Requests of each buyer: a press, and the retries of impatient thumbs.
        var pressesEach = 1.2
        /// Seconds before the opening in which buyers open the page, and with it their connections.
        var arrivalSeconds = 300.0
        /// Seconds that a turn lasts, if the sale has a waiting room.
        var turnSeconds: Double?
        /// How many times what is needed to provide.
        var headroom = 2.5
    }

    /// One line of the plan, and its arithmetic.
    struct Figure {
        let name: StaticString
        let value: Int
        let arithmetic: String
    }

    /// Connections for one host: 4.3 GB of nginx' memory, and a minute for all of them to reconnect to another host.
    static let connectionsPerHost = 250_000

    /// Half of SALE_DEADLINE_MS: a purchase that would wait longer is refused at once.
    static let shedAfterSeconds = 1.25

    let demand: Demand
    let costs: MeasuredCosts

    var requestsPerSecond: Double { Double(demand.buyers) * demand.pressesEach / demand.seconds }
    var handshakesPerSecond: Double { Double(demand.buyers) / demand.arrivalSeconds }
    /// The mean time between two looks of an open page (`nextLookMs` in web/rules.js): at most a minute, three times in
    /// as long as a turn lasts, and a quarter less because of the spread.
    var secondsBetweenLooks: Double { 0.75 * min(60, demand.turnSeconds.map { $0 / 3 } ?? .infinity) }
    /// Pages that a look fetches: the sale, and the queue for whoever has a place in it.
    var pagesOfALook: Int { demand.turnSeconds == nil ? 1 : 2 }
    /// Before the opening, and while buyers wait for their turns.
    var looksPerSecond: Double { Double(demand.buyers * pagesOfALook) / secondsBetweenLooks }
    /// While units are left, each purchase wins.
    var sellingSeconds: Double {
        max(Double(orders) / requestsPerSecond, Double(orders) * costs.redisWin / 1e6)
    }
    /// The busy share of Redis' one core while units are being sold, and once none are left.
    var redisSelling: Double { requestsPerSecond * costs.redisWin / 1e6 }
    var redisRefusing: Double { requestsPerSecond * costs.redisRefusal / 1e6 }
    var orders: Int { min(demand.stock, demand.buyers) }

    /// Whole cores for work that comes `perSecond` times, with the headroom.
    private func cores(_ perSecond: Double, _ microseconds: Double) -> Int {
        max(1, ceiling(perSecond * microseconds * demand.headroom / 1e6))
    }

    private func cores(_ name: StaticString, _ perSecond: Double, _ microseconds: Double) -> Figure {
        Figure(
            name: name, value: cores(perSecond, microseconds),
            arithmetic: "\(Int(perSecond))/s × \(microseconds) µs × \(demand.headroom)")
    }

    private func mebibytes(_ name: StaticString, _ count: Int, _ bytes: Int, _ of: String) -> Figure {
        Figure(
            name: name, value: max(1, (count * bytes + (1 << 20) - 1) >> 20),
            arithmetic: "\(count) \(of) × \(bytes) bytes")
    }

    private func percent(
        _ name: StaticString, _ share: Double, _ microseconds: Double, _ condition: String = ""
    ) -> Figure {
        Figure(
            name: name, value: ceiling(share * 100),
            arithmetic: "\(Int(requestsPerSecond))/s × \(microseconds) µs, of one core\(condition)")
    }

    var figures: [Figure] {
        let api = cores("api_processes", requestsPerSecond, costs.apiDecision)
        return [
            Figure(
                name: "requests_per_second", value: ceiling(requestsPerSecond),
                arithmetic: "\(demand.buyers) buyers × \(demand.pressesEach) / \(demand.seconds) s"),
            api,
            cores("nginx_cores_for_requests", requestsPerSecond, costs.nginxRequest),
            cores("nginx_cores_for_handshakes", handshakesPerSecond, costs.nginxHandshake),
            Figure(
                name: "page_looks_per_second", value: ceiling(looksPerSecond),
                arithmetic: "\(demand.buyers) open pages × \(pagesOfALook) / \(secondsBetweenLooks) s"),
            cores("nginx_cores_for_looks", looksPerSecond, costs.nginxLook),
            Figure(
                name: "nginx_hosts",
                value: (demand.buyers + Self.connectionsPerHost - 1) / Self.connectionsPerHost + 1,
                arithmetic: "\(demand.buyers) connections / \(Self.connectionsPerHost), and one that may fail"),
            mebibytes("nginx_memory_mib", demand.buyers, costs.nginxConnection, "connections"),
            percent("redis_busy_selling_percent", redisSelling, costs.redisWin),
            percent(
                "redis_busy_sold_out_percent", redisRefusing, costs.redisRefusal,
                " with SALE_EDGE_CACHE=off; else hardly any"),
            Figure(
                name: "selling_milliseconds", value: ceiling(sellingSeconds * 1000),
                arithmetic:
                    "\(orders) orders at the smaller of \(Int(requestsPerSecond))/s and 1 s / \(costs.redisWin) µs"),
            mebibytes("redis_memory_mib", orders, costs.redisOrder * 2, "orders, twice for a rewrite of the file,"),
            mebibytes("redis_disk_mib", orders, costs.aofOrder, "orders"),
        ] + figuresOfWaitingRoom + [
            mebibytes("sqlite_disk_mib", orders, costs.sqliteOrder, "orders"),
            Figure(
                name: "stored_after_milliseconds",
                value: ceiling(Double(orders) * costs.workerOrder / 1000),
                arithmetic: "\(orders) orders × \(costs.workerOrder) µs, at most: it stores while they are sold"),
            mebibytes("api_memory_mib", api.value, costs.apiProcess, "processes"),
        ]
    }

    private var figuresOfWaitingRoom: [Figure] {
        guard demand.turnSeconds != nil else { return [] }
        return [
            mebibytes(
                "redis_memory_for_places_mib", demand.buyers, costs.redisPlace * 2,
                "places in the waiting room, twice for a rewrite of the file,"),
            mebibytes("redis_disk_for_places_mib", demand.buyers, costs.aofPlace, "places"),
        ]
    }

    /// What reaches its limit first if more buyers come than planned, in one sentence.
    var bottleneck: String {
        // nginx and sale-api get their headroom from more hosts; there is only one Redis.
        guard redisSelling * demand.headroom > 1 else {
            return
                "nginx: it spends \(costs.nginxRequest) µs on a request where sale-api spends "
                + "\(costs.apiDecision); both grow by adding hosts, "
                + "and Redis is \(ceiling(redisSelling * 100)) % busy while it sells"
        }
        let wait = sellingSeconds * max(0, 1 - 1 / redisSelling)
        return
            "Redis' one core, for the \(milliseconds(sellingSeconds)) ms in which units are sold: a sale is decided in "
            + "one place, at most \(Int(1e6 / costs.redisWin)) orders a second; the last of those who win waits "
            + "\(milliseconds(wait)) ms"
            + (wait > Self.shedAfterSeconds ? ", so some are shed" : "")
    }

    private func milliseconds(_ seconds: Double) -> Int { ceiling(seconds * 1000) }
}

/// Rounds up. What comes out even may be a hair more in binary: 400000 × 2.2 / 10000 is 88.00000000000001.
private func ceiling(_ number: Double) -> Int { Int((number - 1e-9).rounded(.up)) }
