import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `A reply of lookup.lua` {
    private func read(_ lua: String) throws -> LookupReply? {
        let server = try RedisServer()
        let reply = try server.connect().command(["EVAL", "\(lua)", "0"])
        return LookupReply(reply.value)
    }

    @Test func `is read part by part`() throws {
        let reply = try #require(try read("return {'K',3,'k1 2 1 900 1','u','p',7}"))
        #expect(reply.code == "K")
        #expect(reply.persisted == 3)
        let win = Win(key: "k1", position: 2, quantity: 1, securedAt: UnixMilliseconds(900), epoch: 1)
        #expect(reply.wins == [win])
        #expect(reply.uuid == "u")
        #expect(reply.pseudonymKey == "p")
        #expect(reply.remaining == 7)
    }

    /// Without its wins, a reply would deny a winner its order.
    @Test(arguments: [
        "return {}", "return 'OK'", "return {'K',3,'','u','p'}", "return {'K',3,7,'u','p',7}",
        "return {'K',3,'k1 2','u','p',7}", "return {'K','x','','u','p',7}", "return {'K',3,'','u','p','x'}",
    ])
    func `of another form is refused whole`(_ lua: String) throws { #expect(try read(lua) == nil) }
}
