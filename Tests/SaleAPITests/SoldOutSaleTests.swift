import RedisClient
import Shared
import Testing

@testable import SaleAPI

@Suite struct `Winners held in memory` {
    private func status(position: Int, remaining: Int = 0) -> SaleStatus {
        SaleStatus(
            sale: SaleID("demo")!, uuid: "u", title: "t", stockTotal: position, remaining: remaining,
            position: position, maxPerBuyer: 1, settings: SaleSettings(opensAt: nil, closesAt: nil, paused: false),
            epoch: 1, servingRunID: "r", persistedPosition: 0, readAt: UnixMilliseconds(0))
    }

    private func held(_ position: Int) throws -> SoldOutSale {
        let version = try #require(SoldOutSale.Version(status(position: position)))
        return try #require(SoldOutSale(version))
    }

    private func add(_ sale: SoldOutSale, _ buyer: String, _ wins: String) -> Bool {
        buyer.withBytes { buyer in wins.withBytes { sale.add(buyer, $0) } }
    }

    private func decide(_ sale: SoldOutSale, _ buyer: String, _ key: String) -> Decision {
        buyer.withBytes { buyer in
            key.withBytes { sale.decide(buyer, hash: buyer.buyerHash, $0, quantity: 1, maxPerBuyer: 1) }
        }
    }

    @Test func `are found among many, and nobody else is`() throws {
        let sale = try held(10_000)
        for index in 1...10_000 { #expect(add(sale, "buyer-\(index)", "k\(index) \(index) 1 \(index) 1")) }
        #expect(sale.isComplete)
        for index in 1...10_000 {
            #expect(
                decide(sale, "buyer-\(index)", "k\(index)")
                    == .replayed(position: index, at: UnixMilliseconds(index)))
            #expect(decide(sale, "buyer-\(index)", "other") == .limit(orders: "\(index)"))
            #expect(decide(sale, "loser-\(index)", "k\(index)") == .soldOut)
        }
    }

    @Test func `count once, though HSCAN may name them twice`() throws {
        let sale = try held(2)
        #expect(add(sale, "b1", "k1 1 1 5 1"))
        #expect(add(sale, "b1", "k1 1 1 5 1"))
        #expect(!sale.isComplete)
        #expect(add(sale, "b2", "k1 2 1 6 1"))
        #expect(sale.isComplete)
    }

    @Test(arguments: ["", "k1", "k1 3 1 5 1", "k1 0 1 5 1", "k1 1 1 5 1;", "k1 1 100 5 1", "k1 x 1 5 1"])
    func `are refused if a field is not one of the sale's`(_ wins: String) throws {
        #expect(!add(try held(2), "b1", wins))
    }

    @Test func `are not gathered while units are left, nor if there are too many`() throws {
        #expect(SoldOutSale.Version(status(position: 5, remaining: 1)) == nil)
        let version = try #require(SoldOutSale.Version(status(position: SoldOutSale.winnersMax + 1)))
        #expect(SoldOutSale(version) == nil)
    }

    @Test func `may be nobody: a sale without stock is sold out too`() throws {
        let sale = try held(0)
        #expect(sale.isComplete)
        #expect(decide(sale, "b1", "k1") == .soldOut)
        #expect(!add(sale, "b1", "k1 1 1 5 1"))
    }
}
