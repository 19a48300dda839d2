package import Shared

/// A sale as SQLite holds it.
package struct StoredSale: Equatable, Sendable {
    /// What it is, with its times and its epoch as they were last set.
    package var record: SaleRecord
    /// Units in orders, as the table counts them.
    package var sold: Int
    package var persistedPosition: Int
    /// The last entry of its stream that has been taken in.
    package var lastStreamID = StreamID("0-0")
    /// By position.
    package var orders: [Order] = []
    /// Orders among the dead letters, those that were discarded too: their units stay sold. One of each position, and none where
    /// the position is a stored order's: what contradicts it has no unit of its own.
    package var rejectedOrders: [RejectedOrder] = []
    package var losses: [Loss] = []
    /// Dead letters that nobody has decided about.
    package var openDeadLetters = 0
    /// When it was archived: Redis has forgotten it since, or may.
    package var archivedAt: UnixMilliseconds?
    /// Units that were added while it was open: whoever was told "sold out" before was told the truth.
    package var restocked = 0

    /// An order that could not be stored, and stays sold.
    package struct RejectedOrder: Equatable, Sendable {
        package var position: Int
        package var quantity: Int

        package init(position: Int, quantity: Int) {
            self.position = position
            self.quantity = quantity
        }
    }

    /// Positions that buyers were told of and that neither store has any more.
    package struct Loss: Equatable, Sendable {
        package var positions: ClosedRange<Int>
        package var units: Int
        package var isReleased: Bool

        package init(positions: ClosedRange<Int>, units: Int, isReleased: Bool) {
            self.positions = positions
            self.units = units
            self.isReleased = isReleased
        }
    }

    package init(record: SaleRecord, sold: Int, persistedPosition: Int) {
        self.record = record
        self.sold = sold
        self.persistedPosition = persistedPosition
    }

    /// Units in orders that could not be stored.
    package var rejectedUnits: Int { rejectedOrders.reduce(0) { $0 + $1.quantity } }

    /// Units that are neither sold nor on sale.
    package var withheld: Int { losses.reduce(0) { $0 + ($1.isReleased ? 0 : $1.units) } }
}

/// Reads the database without ever writing it: for tools, beside a running worker.
package final class StoreReader {
    let database: Database

    /// Opens an existing database of this release's schema.
    package init(path: String) throws(StoreError) {
        database = try Database(path, .read)
        try Schema.check(database)
    }

    /// What is stored of one sale, at one instant; nil where there is nothing.
    package func account(of sale: SaleID) throws(StoreError) -> StoredSale? {
        // One read transaction, so that counts and rows are of the same instant.
        try database.execute("BEGIN")
        defer { try? database.execute("COMMIT") }
        return try database.account(of: sale)
    }

    /// What is stored of one sale but for its orders, which may be many; nil where there is nothing.
    package func summary(of sale: SaleID) throws(StoreError) -> StoredSale? {
        try database.execute("BEGIN")
        defer { try? database.execute("COMMIT") }
        return try database.account(of: sale, withOrders: false)
    }

    /// Every sale that is stored, by name.
    package func sales() throws(StoreError) -> [SaleID] {
        var sales: [SaleID] = []
        try database.query("SELECT sale FROM sales ORDER BY sale") {
            if let sale = SaleID($0.text(0)) { sales.append(sale) }
        }
        return sales
    }

    /// How far a sale has come, without its orders; nil where it is not stored.
    package func archiveMark(
        of sale: SaleID
    ) throws(StoreError) -> (archivedAt: UnixMilliseconds?, lastStreamID: StreamID)? {
        var mark: (archivedAt: UnixMilliseconds?, lastStreamID: StreamID)?
        try database.query("SELECT archived_at_ms, last_stream_id FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            mark = ($0.optionalInteger(0).map { UnixMilliseconds($0) }, StreamID($0.text(1)))
        }
        return mark
    }
}

extension Database {
    func account(of sale: SaleID, withOrders: Bool = true) throws(StoreError) -> StoredSale? {
        var stored: StoredSale?
        try query(
            """
            SELECT uuid, title, stock_total, max_per_buyer, opens_at_ms, closes_at_ms, paused, pseudonym_key, epoch,
                created_at_ms, sold, persisted_position, last_stream_id, archived_at_ms, admission, turn_window_ms
            FROM sales WHERE sale = ?
            """, [.text("\(sale)")]
        ) { row in
            let settings = SaleSettings(
                opensAt: row.optionalInteger(4).map { UnixMilliseconds($0) },
                closesAt: row.optionalInteger(5).map { UnixMilliseconds($0) }, paused: row.integer(6) == 1,
                waitingRoom: row.optionalInteger(15).flatMap { WaitingRoom(admission: row.text(14), turnWindow: $0) })
            let record = SaleRecord(
                sale: sale, uuid: row.text(0), title: row.text(1), stockTotal: row.integer(2),
                maxPerBuyer: row.integer(3), settings: settings, pseudonymKey: row.text(7), epoch: row.integer(8),
                createdAt: UnixMilliseconds(row.integer(9)))
            stored = StoredSale(record: record, sold: row.integer(10), persistedPosition: row.integer(11))
            stored?.lastStreamID = StreamID(row.text(12))
            stored?.archivedAt = row.optionalInteger(13).map { UnixMilliseconds($0) }
        }
        guard var stored else { return nil }
        if withOrders {
            try query(
                """
                SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders
                WHERE sale = ? ORDER BY position
                """, [.text("\(sale)")]
            ) { stored.orders.append(Order(sale: sale, $0)) }
        }
        try query(
            """
            SELECT position, quantity, min(stream_id) FROM dead_letters AS letter
            WHERE sale = ? AND position IS NOT NULL AND resolution IS NOT 'redriven' AND NOT EXISTS
                (SELECT 1 FROM orders WHERE orders.sale = letter.sale AND orders.position = letter.position)
            GROUP BY position ORDER BY position
            """, [.text("\(sale)")]
        ) {
            stored.rejectedOrders.append(.init(position: $0.integer(0), quantity: $0.integer(1)))
        }
        try query(
            """
            SELECT first_position, last_position, units, released_at_ms FROM losses WHERE sale = ?
            ORDER BY first_position
            """, [.text("\(sale)")]
        ) {
            stored.losses.append(
                .init(
                    positions: $0.integer(0)...$0.integer(1), units: $0.integer(2),
                    isReleased: $0.optionalInteger(3) != nil))
        }
        try query(
            "SELECT count(*) FROM dead_letters WHERE sale = ? AND resolution IS NULL", [.text("\(sale)")]
        ) { stored.openDeadLetters = $0.integer(0) }
        try query(
            """
            SELECT coalesce(sum(units), 0) FROM restocks JOIN sales USING (sale)
            WHERE sale = ? AND units > 0 AND at_ms >= coalesce(opens_at_ms, 0)
            """, [.text("\(sale)")]
        ) { stored.restocked = $0.integer(0) }
        return stored
    }

    func sales() throws(StoreError) -> [SaleID] {
        var sales: [SaleID] = []
        try query("SELECT sale FROM sales WHERE archived_at_ms IS NULL ORDER BY sale") {
            if let sale = SaleID($0.text(0)) { sales.append(sale) }
        }
        return sales
    }
}

extension Order {
    /// Reads the columns position, buyer, quantity, key, trace, secured_at_ms and epoch, in this order.
    init(sale: SaleID, _ row: borrowing Row) {
        self.init(
            id: OrderID(sale: sale, position: row.integer(0)), buyer: row.text(1), quantity: row.integer(2),
            key: row.text(3), trace: row.text(4), securedAt: UnixMilliseconds(row.integer(5)), epoch: row.integer(6))
    }
}
