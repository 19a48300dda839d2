/// A sale as it was created, as SQLite keeps it.
package struct SaleRecord: Equatable, Sendable {
    package var sale: SaleID
    /// Tells two sales of the same name apart.
    package var uuid: String
    package var title: String
    /// Units on sale.
    package var stockTotal: Int
    package var maxPerBuyer: Int
    package var settings: SaleSettings
    /// In hexadecimal. Buyers appear in public under a pseudonym keyed with it.
    package var pseudonymKey: String
    package var epoch: Int
    package var createdAt: UnixMilliseconds

    package init(
        sale: SaleID, uuid: String, title: String, stockTotal: Int, maxPerBuyer: Int, settings: SaleSettings,
        pseudonymKey: String, epoch: Int, createdAt: UnixMilliseconds
    ) {
        self.sale = sale
        self.uuid = uuid
        self.title = title
        self.stockTotal = stockTotal
        self.maxPerBuyer = maxPerBuyer
        self.settings = settings
        self.pseudonymKey = pseudonymKey
        self.epoch = epoch
        self.createdAt = createdAt
    }

    init(sale: SaleID, _ reader: FieldReader) throws(OrderEvent.Malformed) {
        self.sale = sale
        uuid = try reader.text("uuid")
        title = try reader.text("title")
        stockTotal = try reader.integer("stock", in: 0...Limits.stockMax)
        maxPerBuyer = try reader.integer("max_per_buyer", in: 1...Limits.quantityMax)
        // A new sale is not paused. repair.lua, which writes this event when it starts a stream again, may say
        // otherwise.
        let paused = try reader.optional("paused") == "1"
        settings = SaleSettings(
            opensAt: try reader.time("opens_at"), closesAt: try reader.time("closes_at"), paused: paused,
            waitingRoom: try reader.waitingRoom())
        pseudonymKey = try reader.text("pseudonym_key")
        guard Pseudonym(key: pseudonymKey) != nil else {
            throw OrderEvent.Malformed(message: "field pseudonym_key is not 32 bytes in hexadecimal")
        }
        epoch = try reader.integer("epoch", in: 1...Int.max)
        createdAt = UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max))
    }
}
