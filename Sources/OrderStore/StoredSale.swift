package import Shared

/// A sale as SQLite holds it.
package struct StoredSale: Equatable, Sendable {
    /// The sale, with its times and its epoch as they were last set.
    package var record: SaleRecord
    /// Units in orders, as the table counts them.
    package var sold: Int
    package var persistedPosition: Int
    /// The last entry of its stream that was taken in.
    package var lastStreamID = StreamID.zero
    /// By position.
    package var orders: [Order] = []
    /// Orders among the dead letters, including discarded ones: their units stay sold. There is at most one for a
    /// position, and none for the position of a stored order: a dead letter that contradicts an order has no unit of
    /// its own.
    package var rejectedOrders: [RejectedOrder] = []
    package var losses: [Loss] = []
    /// Dead letters that nobody has decided about.
    package var openDeadLetters = 0
    /// Units of the restocks among them: Redis has sold with them, or without them if they are fewer than none.
    package var undecidedRestock = 0
    /// When it was archived. From then on Redis may forget it.
    package var archivedAt: UnixMilliseconds?
    /// Units that were added while it was open: a "sold out" before that was true.
    package var restocked = 0

    /// An order that could not be stored. Its units stay sold.
    package struct RejectedOrder: Equatable, Sendable {
        package var position: Int
        package var quantity: Int
        /// The order, if it can be read and its position is not void: its buyer was told so.
        package var order: Order?

        package init(position: Int, quantity: Int, order: Order? = nil) {
            self.position = position
            self.quantity = quantity
            self.order = order
        }
    }

    /// Positions that were confirmed to buyers and that neither store has any more.
    package struct Loss: Equatable, Sendable {
        package var positions: ClosedRange<Int>
        /// Without those of its orders that have come back, unless that was after its release.
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

    /// The epoch of a sale that is rebuilt in Redis, where it has epoch `other`: higher than any before.
    package func nextEpoch(above other: Int) -> Int { max(record.epoch, other) + 1 }

    /// Units in orders that could not be stored.
    package var rejectedUnits: Int { rejectedOrders.reduce(0) { $0 + $1.quantity } }

    /// The units that Redis sells of: also those of restocks that are not stored, on the stream or as dead letters.
    package func totalOnRedis(unstored: Int) -> Int { record.stockTotal + unstored + undecidedRestock }

    /// Units that are neither sold nor on sale.
    package var withheld: Int { losses.reduce(0) { $0 + ($1.isReleased ? 0 : $1.units) } }
}
