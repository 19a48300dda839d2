import CSQLite
import Shared
import TestSupport
import Testing

@testable import OrderStore

@Suite struct `A buyer's orders` {
    private let directory = try! TemporaryDirectory()

    /// What SQLite's machine does to find them in a sale of this many orders, in instructions.
    private func instructions(_ count: Int) throws -> Int {
        let path = directory.path("\(count).db")
        let orders = (1...count).map { TestEvents.order($0) }
        _ = try OrderStore(path: path).apply(TestEvents.sale, [TestEvents.create(stock: count)] + orders)
        let reader = try StoreReader(path: path)
        let counter = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        defer { counter.deallocate() }
        counter.initialize(to: 0)
        sqlite3_progress_handler(
            reader.database.handle, 1,
            {
                $0?.assumingMemoryBound(to: Int.self).pointee += 1
                return 0
            }, counter)
        #expect(try reader.orders(of: "buyer-7", in: TestEvents.sale).map(\.id.position) == [7])
        sqlite3_progress_handler(reader.database.handle, 0, nil, nil)
        return counter.pointee
    }

    @Test func `are found without reading those of everybody else`() throws {
        #expect(try instructions(10) == instructions(1000))
    }
}
