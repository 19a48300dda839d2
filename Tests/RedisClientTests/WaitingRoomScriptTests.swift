import RedisClient
import Shared
import TestSupport
import Testing

/// A sale with a waiting room on a Redis of its own.
private struct Room {
    let server: RedisServer
    let redis: BlockingRedis
    let sale = SaleID("demo")!

    /// - Parameter opensIn: milliseconds; nil if it is open already.
    init(
        rate: Int = 1000, window: Int = 60_000, stock: Int = 100, opensIn: Int? = nil,
        redisSettings: [String] = ["--appendfsync", "no"]
    ) throws {
        server = try RedisServer(redisSettings)
        redis = try server.connect()
        let opensAt = opensIn.map { UnixMilliseconds(UnixMilliseconds.now.value + $0) }
        try TestSale.create(
            redis, stock: stock, opensAt: opensAt, admission: .init(rate: rate, turnWindowMilliseconds: window))
    }

    func set(_ field: String, _ value: String) throws {
        try redis.command(["HSET", "\(SaleKeys(sale).sale)", "\(field)", "\(value)"])
    }

    func get(_ field: String) throws -> String? {
        let reply = try redis.command(["HGET", "\(SaleKeys(sale).sale)", "\(field)"])
        return reply.string
    }

    func schedule() throws -> AdmissionSchedule { try #require(try redis.queue(sale)).room.schedule }

    func join(_ buyers: [String]) throws -> TestSale.Joined { try TestSale.join(redis, sale, buyers) }

    /// What the API passes on of a ticket that it has verified.
    func ticket(_ position: Int, epoch: Int = 1, uuid: String? = nil) throws -> String {
        "\(position) \(epoch) \(try uuid ?? redis.status(sale)?.uuid ?? "")"
    }

    /// The letter and the details of one purchase.
    func buy(_ buyer: String, _ ticket: String, key: String = "k") throws -> (code: String, details: [String], now: Int)
    {
        let reply = try TestSale.purchase(redis, sale, [.init(buyer: buyer, key: key, ticket: ticket)])
        return (reply.codes, reply.details, reply.now)
    }
}

@Suite struct `join.lua` {
    @Test func `gives positions in the order of arrival, and the same buyer the same one again`() throws {
        let room = try Room(opensIn: 3_600_000)
        #expect(try room.join(["a", "b", "a", "c"]).positions == [1, 2, 1, 3])
        let again = try room.join(["c", "d", "a"])
        #expect(again.codes == "ANA")
        #expect(again.positions == [3, 4, 1])
        let queue = try #require(try room.redis.queue(room.sale))
        #expect(queue.joined == 4)
        #expect(queue.lastPosition == 4)
    }

    @Test func `gives a thousand positions in one batch`() throws {
        let room = try Room(opensIn: 3_600_000)
        let joined = try room.join((1...1000).map { "b\($0)" })
        #expect(joined.positions == Array(1...1000))
        #expect(joined.codes == String(repeating: "N", count: 1000))
    }

    @Test func `writes nothing if everybody has joined before`() throws {
        let room = try Room(opensIn: 3_600_000, redisSettings: [])
        _ = try room.join((1...100).map { "b\($0)" })
        let before = try room.server.bytesAppended(room.redis)
        #expect(try room.join((1...100).map { "b\($0)" }).codes == String(repeating: "A", count: 100))
        #expect(try room.server.bytesAppended(room.redis) == before)
    }

    @Test func `skips turns that have passed while nobody was there`() throws {
        let room = try Room()
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 60_000) 0 1000")
        let joined = try room.join(["late", "later"])
        let admitted = try room.schedule().admitted(at: UnixMilliseconds(joined.now))
        #expect(joined.positions == [admitted + 1, admitted + 2])
        #expect(admitted >= 60_000)
    }

    @Test func `gives a buyer who has missed its turn a new one at the end`() throws {
        let room = try Room(window: 10_000, opensIn: 3_600_000)
        #expect(try room.join(["slow", "b"]).positions == [1, 2])
        let now = try room.redis.time().value
        // Their turns were a minute ago.
        try room.set("admission", "\(now - 60_000) 0 1000;\(now - 50_000) 10000 1")
        let again = try room.join(["slow", "slow", "c"])
        #expect(again.codes == "NAN")
        #expect(again.positions[0] > 10_000)
        #expect(again.positions == [again.positions[0], again.positions[0], again.positions[0] + 1])
    }

    @Test func `knows that nobody misses a turn while the sale is paused`() throws {
        let room = try Room(window: 10_000, opensIn: 3_600_000)
        _ = try room.join(["a"])
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 60_000) 0 1000;\(now - 50_000) 10000 1")
        try room.set("opens_at", "\(now - 60_000)")
        #expect(try room.buy("a", room.ticket(1)).code == "M")
        _ = try room.redis.control(room.sale, .pause)
        #expect(try room.buy("a", room.ticket(1)).code == "P")
        #expect(try room.join(["a"]).codes == "A")
        let queue = try #require(try room.redis.queue(room.sale))
        #expect(queue.turnsSince == queue.readAt)
        _ = try room.redis.control(room.sale, .resume)
        #expect(try room.join(["a"]).codes == "A")
        #expect(try room.buy("a", room.ticket(1)).code == "S")
    }

    @Test func `knows that nobody misses a turn while the sale is fenced`() throws {
        let room = try Room(opensIn: 3_600_000)
        try room.set("serving_run_id", "another")
        let queue = try #require(try room.redis.queue(room.sale))
        #expect(queue.turnsSince == queue.readAt)
    }

    @Test(arguments: [
        ("F", "a Redis with another run_id"), ("U", "no such sale"), ("E", "it has ended"), ("O", "nothing is left"),
        ("W", "no waiting room"),
    ])
    func `turns a whole batch away`(_ code: String, _ why: String) throws {
        let room = try Room(stock: 1, opensIn: nil)
        switch code {
        case "F": try room.set("serving_run_id", "another")
        case "U": try room.redis.command(["DEL", "\(SaleKeys(room.sale).sale)"])
        case "E": _ = try room.redis.control(room.sale, .close)
        case "O": try room.redis.command(["SET", "\(SaleKeys(room.sale).stock)", "0"])
        default:
            try room.redis.command(["HDEL", "\(SaleKeys(room.sale).sale)", "admission", "turn_window_ms"])
        }
        let joined = try room.join(["a", "b"])
        #expect(joined.codes == code + code, "\(why)")
        #expect(joined.positions.isEmpty)
        #expect(try room.redis.command(["EXISTS", "\(SaleKeys(room.sale).tickets)"]).integer == 0)
    }

    @Test func `gives no position twice if its counter is gone`() throws {
        let room = try Room(opensIn: 3_600_000)
        _ = try room.join(["a"])
        try room.redis.command(["DEL", "\(SaleKeys(room.sale).joined)"])
        #expect(try room.join(["b"]).codes == "F")
    }

    @Test func `does as the schedule says, whatever the schedule`() throws {
        var random = SeededRandom()
        let room = try Room(stock: 1000)
        for round in 0..<200 {
            let now = try room.redis.time().value
            var text = "\(now - Int.random(in: 0...5000, using: &random)) 0 \(Int.random(in: 1...3000, using: &random))"
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let schedule = AdmissionSchedule(text)!
                let from = schedule.last.from.value + Int.random(in: 0...3000, using: &random)
                text += ";\(from) \(schedule.admitted(at: UnixMilliseconds(from))) "
                text += "\(Int.random(in: 1...3000, using: &random))"
                if Int.random(in: 0..<4, using: &random) == 0 { text += " paused" }
            }
            try room.set("admission", text)
            try room.set("turn_window_ms", "1000")
            try room.redis.command([
                "DEL", "\(SaleKeys(room.sale).tickets)", "\(SaleKeys(room.sale).joined)",
            ])
            let schedule = AdmissionSchedule(text)!
            let joined = try room.join(["a", "b"])
            let admitted = schedule.admitted(at: UnixMilliseconds(joined.now))
            try #require(
                joined.positions == [admitted + 1, admitted + 2], "seed \(random.seed), round \(round), \(text)")

            let position = Int.random(in: 1...max(2, admitted + 200), using: &random)
            let (code, details, at) = try room.buy("buyer-\(round)", room.ticket(position))
            let expected: (String, String)
            switch schedule.turn(of: position) {
            case .unknown: expected = ("T", "0")
            case .forgotten: expected = ("M", "0")
            case .at(let turn):
                if at < turn.value {
                    expected = ("T", "\(turn.value)")
                } else if at > turn.value + 1000 {
                    expected = ("M", "\(turn.value)")
                } else {
                    expected = ("S", details.first ?? "")
                }
            }
            try #require((code, details.first ?? "") == expected, "seed \(random.seed), round \(round), \(text)")

            // Only who has missed the turn gets another one.
            try room.redis.command(["HSET", "\(SaleKeys(room.sale).tickets)", "c", "\(position)"])
            let again = try room.join(["c"])
            let isMissed =
                switch schedule.turn(of: position) {
                case .unknown: false
                case .forgotten: true
                case .at(let turn): again.now > turn.value + 1000
                }
            try #require(
                again.codes == (isMissed ? "N" : "A"), "seed \(random.seed), round \(round), \(text), \(position)")
        }
    }
}

@Suite struct `purchase.lua with a waiting room` {
    /// Open for a minute, with a thousand turns a second, each a minute long.
    private func open() throws -> Room {
        let room = try Room()
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 30_000) 0 1000")
        return room
    }

    @Test func `sells to a ticket whose turn it is`() throws {
        let room = try open()
        #expect(try room.buy("a", room.ticket(20_000)).code == "S")
    }

    @Test func `requires a ticket`() throws {
        #expect(try open().buy("a", "").code == "Q")
    }

    @Test func `says when the turn will be, even before the sale opens`() throws {
        let room = try Room(rate: 10, opensIn: 60_000)
        let opensAt = try #require(try room.redis.status(room.sale)?.opensAt)
        let (code, details, _) = try room.buy("a", room.ticket(25))
        #expect(code == "T")
        #expect(details == ["\(opensAt.value + 2500)"])
    }

    @Test func `sells to nobody before the opening, whatever the schedule says`() throws {
        let room = try open()
        try room.set("opens_at", "\(try room.redis.time().value + 60_000)")
        #expect(try room.buy("a", room.ticket(20_000)).code == "N")
    }

    @Test func `says that a turn is over, and sells to the next`() throws {
        let room = try Room(window: 1000)
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 30_000) 0 1000")
        #expect(try room.buy("a", room.ticket(1)).details == ["\(now - 30_000 + 1)"])
        #expect(try room.buy("a", room.ticket(1)).code == "M")
        #expect(try room.buy("a", room.ticket(29_999)).code == "S")
    }

    @Test(arguments: ["forged", "foreign", "other"])
    func `says what the caller made of a ticket`(_ word: String) throws {
        let (code, details, _) = try open().buy("a", word)
        #expect(code == "X")
        #expect(details == [word])
    }

    @Test func `answers that a ticket of another sale of the name is outdated`() throws {
        let room = try open()
        #expect(try room.buy("a", room.ticket(1, uuid: "another")).details == ["outdated"])
    }

    @Test func `takes a ticket of an earlier epoch only where its position has survived`() throws {
        let room = try open()
        let position = try room.join(["a"]).positions[0]
        try room.set("epoch", "2")
        try room.set("admission", "\(try room.redis.time().value - 50_000) 0 1000")
        #expect(try room.buy("stranger", room.ticket(position)).details == ["outdated"])
        #expect(try room.buy("a", room.ticket(position + 1)).details == ["outdated"])
        #expect(try room.buy("a", room.ticket(position)).code == "S")
        // Joining again gives the same position under the new epoch.
        let again = try room.join(["a"])
        #expect(again.codes == "A")
        #expect(again.epoch == 2)
        #expect(again.positions == [position])
    }

    @Test(arguments: ["", "forged", "1 1 another"])
    func `answers a win again, whatever the ticket`(_ ticket: String) throws {
        let room = try open()
        #expect(try room.buy("a", room.ticket(20_000)).code == "S")
        #expect(try room.buy("a", ticket).code == "R")
        let reused = try TestSale.purchase(room.redis, room.sale, [.init(buyer: "a", key: "k", quantity: 2)])
        #expect(reused.codes == "K")
    }

    @Test func `tells waiting buyers that the sale is sold out, or has ended`() throws {
        let room = try Room(rate: 1, stock: 0, opensIn: 3_600_000)
        #expect(try room.buy("a", room.ticket(5)).code == "O")
        #expect(try room.buy("a", "").code == "O")
        _ = try room.redis.control(room.sale, .close)
        #expect(try room.buy("a", room.ticket(5)).code == "E")
    }

    @Test func `decides each purchase of a batch by itself`() throws {
        let room = try open()
        let good = try room.ticket(1000)
        let reply = try TestSale.purchase(
            room.redis, room.sale,
            [
                .init(buyer: "a", key: "k", ticket: good), .init(buyer: "b", key: "k"),
                .init(buyer: "c", key: "k", ticket: try room.ticket(900_000)),
                .init(buyer: "d", key: "k", ticket: "forged"), .init(buyer: "e", key: "k", ticket: good),
            ])
        #expect(reply.codes == "SQTXS")
        #expect(reply.details.count == 4)
    }

    @Test func `ignores tickets if the sale has no waiting room`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let reply = try TestSale.purchase(
            redis, sale, [.init(buyer: "a", key: "k", ticket: "forged"), .init(buyer: "b", key: "k", ticket: "1 1 u")])
        #expect(reply.codes == "SS")
    }
}

@Suite struct `admit.lua` {
    @Test func `moves later turns, and sends back nobody who was admitted`() throws {
        let room = try Room(rate: 1000)
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 10_000) 0 1000")
        let before = try room.schedule()
        #expect(try room.redis.admit(room.sale, .rate(10)) == nil)
        let after = try room.schedule()
        let through = after.last.after
        #expect(through >= 10_000)
        #expect(after.last.rate == 10)
        for position in [1, 5000, through] { #expect(after.turn(of: position) == before.turn(of: position)) }
        #expect(after.turn(of: through + 1) == .at(UnixMilliseconds(after.last.from.value + 100)))
        #expect(after.admitted(at: after.last.from) == through)
    }

    @Test func `pauses and resumes without growing the schedule, at the rate it had`() throws {
        let room = try Room(rate: 7)
        let now = try room.redis.time().value
        try room.set("admission", "\(now - 10_000) 0 7")
        for _ in 0..<100 {
            #expect(try room.redis.admit(room.sale, .pause) == nil)
            #expect(try room.schedule().last.isPaused)
            #expect(try room.redis.admit(room.sale, .resume) == nil)
        }
        let schedule = try room.schedule()
        // However long it took, each segment but the last has admitted somebody.
        #expect(Set(schedule.segments.map(\.after)).count == schedule.segments.count)
        #expect(schedule.last.rate == 7)
        #expect(!schedule.last.isPaused)
    }

    @Test func `applies a rate that is given while admission is paused once it is resumed`() throws {
        let room = try Room()
        _ = try room.redis.admit(room.sale, .pause)
        _ = try room.redis.admit(room.sale, .rate(30))
        #expect(try room.schedule().last.isPaused)
        _ = try room.redis.admit(room.sale, .resume)
        #expect(try room.schedule().last.rate == 30)
    }

    @Test func `changes the schedule before the opening, too`() throws {
        let room = try Room(rate: 1000, opensIn: 3_600_000)
        let opensAt = try room.schedule().last.from
        _ = try room.redis.admit(room.sale, .rate(5))
        #expect(try room.schedule().text == "\(opensAt.value) 0 5")
    }

    @Test func `moves with the opening time`() throws {
        let room = try Room(rate: 9, opensIn: 3_600_000)
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 7_200_000)
        #expect(try room.redis.set(room.sale, SaleChange(opensAt: later)) == nil)
        #expect(try room.schedule().text == "\(later.value) 0 9")
        // Changed to the past: it opens now.
        #expect(try room.redis.set(room.sale, SaleChange(opensAt: UnixMilliseconds(1))) == nil)
        #expect(try room.schedule().last.from.value > 1)
    }

    @Test func `a change's event says what is changed, and nothing else of an older Redis`() throws {
        let room = try Room(rate: 9, opensIn: 3_600_000)
        let opensAt = UnixMilliseconds(UnixMilliseconds.now.value + 7_200_000)
        let closesAt = UnixMilliseconds(opensAt.value + 1)
        for _ in 0..<2 { _ = try room.redis.admit(room.sale, .rate(5)) }
        let slower = WaitingRoom(schedule: try room.schedule(), turnWindowMilliseconds: 60_000)
        _ = try room.redis.control(room.sale, .pause)
        _ = try room.redis.set(room.sale, SaleChange(title: "Another"))
        _ = try room.redis.set(room.sale, SaleChange(opensAt: opensAt))
        let later = WaitingRoom(schedule: try room.schedule(), turnWindowMilliseconds: 60_000)
        _ = try room.redis.set(room.sale, SaleChange(closesAt: closesAt))
        _ = try room.redis.control(room.sale, .resume)
        _ = try room.redis.control(room.sale, .close)
        let ended = try room.redis.status(room.sale)?.closesAt
        let reply = try room.redis.command(["XRANGE", "\(SaleKeys(room.sale).orders)", "-", "+"])
        let entries = reply.value
        let events = try (1..<entries.count).map { index in
            let entry = entries[index]
            return try OrderEvent(sale: room.sale, fields: entry[1].pairs)
        }
        #expect(
            events == [
                .set(SettingsChange(waitingRoom: slower)), .set(SettingsChange(paused: true)),
                .set(SettingsChange(title: "Another")),
                .set(SettingsChange(opensAt: .some(opensAt), waitingRoom: later)),
                .set(SettingsChange(closesAt: .some(closesAt))), .set(SettingsChange(paused: false)),
                .set(SettingsChange(closesAt: .some(ended))),
            ])
    }

    @Test func `drops a segment that no turn needs any more if there are too many, and else refuses`() throws {
        let room = try Room(rate: 1000, window: 60_000)
        let now = try room.redis.time().value
        // 64 segments of ten tickets each, the last an hour ago.
        func segments(endingAt end: Int) -> String {
            (0..<64).map { "\(end - (63 - $0) * 10) \($0 * 10) 1000" }.joined(separator: ";")
        }
        try room.set("admission", segments(endingAt: now - 100))
        #expect(try room.redis.admit(room.sale, .rate(5)) == .changedTooOften)
        #expect(try room.redis.admit(room.sale, .pause) == .changedTooOften)
        try room.set("admission", segments(endingAt: now - 3_600_000))
        try room.set("paused", "1")
        #expect(try room.redis.admit(room.sale, .rate(5)) == .changedTooOften, "no turn expires during a pause")
        try room.set("paused", "0")
        try room.set("turns_since_ms", "\(now)")
        #expect(try room.redis.admit(room.sale, .rate(5)) == .changedTooOften, "windows have just started again")
        try room.set("turns_since_ms", "0")
        #expect(try room.redis.admit(room.sale, .rate(5)) == nil)
        let schedule = try room.schedule()
        #expect(schedule.segments.count == 64)
        #expect(schedule.segments[0].after == 10)
        #expect(schedule.turn(of: 10) == .forgotten)
        let keys = SaleKeys(room.sale)
        try room.redis.command(["HSET", "\(keys.tickets)", "late", "10"])
        try room.redis.command(["SET", "\(keys.joined)", "10"])
        #expect(try room.join(["late"]).codes == "N")
        #expect(schedule.last.rate == 5)
    }

    @Test func `obeys at once when the clock was set back, whatever was changed while it was ahead`() throws {
        let room = try Room(rate: 10)
        let now = try room.redis.time().value
        let (begun, ahead) = (now - 10_000, now + 3_600_000)
        try room.set("admission", "\(begun) 0 10;\(ahead) 36000 10 paused;\(ahead + 100) 36000 10")
        #expect(try room.redis.admit(room.sale, .rate(100_000)) == nil)
        var schedule = try room.schedule()
        #expect(schedule.segments.count == 2 && schedule.last.rate == 100_000)
        #expect((100...200).contains(schedule.last.after))
        #expect(schedule.last.from < UnixMilliseconds(now + 60_000))
        // What was changed while it was ahead does not hold.
        try room.set("admission", "\(begun) 0 10;\(ahead) 36000 77 paused")
        #expect(try room.redis.admit(room.sale, .rate(50)) == nil)
        schedule = try room.schedule()
        #expect(schedule.last.rate == 50 && !schedule.last.isPaused)
        try room.set("admission", "\(begun) 0 10;\(ahead) 36000 77")
        #expect(try room.redis.admit(room.sale, .resume) == nil)
        schedule = try room.schedule()
        #expect(schedule.last.rate == 10 && schedule.last.from < UnixMilliseconds(now + 60_000))
        // The same for a pause.
        try room.set("admission", "\(begun) 0 10;\(ahead) 36000 10 paused")
        #expect(try room.redis.admit(room.sale, .pause) == nil)
        schedule = try room.schedule()
        #expect(schedule.last.isPaused && schedule.last.from < UnixMilliseconds(now + 60_000))
        // A sale that was created while the clock was ahead.
        try room.set("admission", "\(ahead) 0 10")
        #expect(try room.redis.admit(room.sale, .rate(20)) == nil)
        schedule = try room.schedule()
        #expect(schedule.segments.count == 1 && schedule.last.after == 0 && schedule.last.rate == 20)
        #expect(schedule.last.from < UnixMilliseconds(now + 60_000))
    }

    @Test func `refuses what it can't change`() throws {
        let room = try Room()
        #expect(try room.redis.admit(SaleID("ghost")!, .pause) == .unknownSale)
        let plain = try TestSale.create(room.redis, "plain")
        #expect(try room.redis.admit(plain, .pause) == .noWaitingRoom)
        try room.set("serving_run_id", "another")
        #expect(try room.redis.admit(room.sale, .pause) == .fenced)
        try room.set("serving_run_id", room.redis.facts.runID)
        _ = try room.redis.control(room.sale, .close)
        #expect(try room.redis.admit(room.sale, .pause) == .ended)
        let another = try TestSale.create(room.redis, "another", admission: .init(rate: 5))
        #expect(throws: RedisError.self) { try room.redis.admit(another, .rate(0)) }
    }
}
