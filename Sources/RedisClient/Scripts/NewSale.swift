package import Shared

/// A sale to create.
package struct NewSale: Sendable {
    package var sale: SaleID
    package var title: String
    package var stock: Int
    package var maxPerBuyer: Int
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    package var admission: Admission?

    /// Its waiting room.
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
