import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `A reply of purchase.lua` {
    /// The decisions in a reply; nil if the whole reply is refused.
    private func read(_ lua: String, count: Int) throws -> [Decision?]? {
        let server = try RedisServer()
        let reply = try server.connect().command(["EVAL", "\(lua)", "0"])
        let value = reply.value
        var read = PurchaseReply()
        guard read.begin(value, count: count) else { return nil }
        var decisions: [Decision?] = []
        for _ in 0..<count { decisions.append(read.decision(value)) }
        return decisions
    }

    @Test(arguments: ["'T','u',-1", "'M','u',9223372036854775807", "'R','u','3 9223372036854775807'"])
    func `is refused if a time in it is not one`(_ rest: String) throws {
        #expect(try read("return {1,5,1000,2000,3000,\(rest)}", count: 1) == [nil])
    }

    @Test func `is read letter by letter`() throws {
        let lua = "return {1,5,1000,2000,3000,'SRLIKENOPUFQXTMTM','u',7,'3 900','1,2',4,'forged',9000,8000,0,0}"
        let decisions = try read(lua, count: 17)
        #expect(
            decisions == [
                .secured(position: 7, at: UnixMilliseconds(2000)), .replayed(position: 3, at: UnixMilliseconds(900)),
                .limit(orders: "1,2"), .insufficient(remaining: 4), .keyReused, .ended,
                .notOpen(opensAt: UnixMilliseconds(3000)), .soldOut, .paused, .unknownSale, .fenced,
                .turn(.ticketRequired), .turn(.ticketInvalid(.forged)), .turn(.notYet(UnixMilliseconds(9000))),
                .turn(.missed(UnixMilliseconds(8000))), .turn(.notYet(nil)), .turn(.missed(nil)),
            ])
    }

    @Test(
        arguments: [
            ("forged", .ticketInvalid(.forged)), ("foreign", .ticketInvalid(.foreign)),
            ("other", .ticketInvalid(.other)), ("outdated", .ticketOutdated), ("unknown", nil), ("", nil),
        ] as [(String, TurnRefusal?)])
    func `names the fault of a ticket`(_ word: String, _ refusal: TurnRefusal?) throws {
        let decisions = try read("return {1,5,1000,2000,3000,'X','u','\(word)'}", count: 1)
        #expect(decisions == [refusal.map { .turn($0) }])
    }

    @Test(arguments: [
        ("return {}", 1), ("return 'OK'", 1), ("return {1,5,1000,2000,0,'O','u'}", 2),
        ("return {1,5,1000,2000,0,'X','u'}", 1), ("return {1,5,1000,2000,0,'O'}", 1),
        ("return {1,5,1000,2000,0,'S','u'}", 1), ("return {1,5,1000,2000,0,'O','u',1}", 1),
        ("return {1,5,1000,2000,0,'Z','u'}", 1), ("return {1,5,1000,2000,0,'o','u'}", 1),
        ("return {1,5,1000,2000,0,'O',7}", 1),
        ("return {1,'x',1,2,0,'O','u'}", 1), ("return {1,5,1000,-1,0,'O','u'}", 1),
        ("return {1,5,1000,2000,9223372036854775807,'N','u'}", 1),
    ])
    func `of another form is refused whole`(_ lua: String, _ count: Int) throws {
        #expect(try read(lua, count: count) == nil)
    }
}
