/// One entry of a sale's `orders` stream, understood.
package enum OrderEvent: Equatable, Sendable {
    /// The sale came to be; written by create.lua, so that SQLite learns of it from the stream.
    case create(SaleRecord)
    /// A purchase won; written by purchase.lua in the call that decided it.
    case order(Order)
    /// The sale's times, its pause or its admission were changed; written by control.lua, set.lua and admit.lua.
    case set(SaleSettings)
    /// Units that were withheld are on sale again; written by release.lua.
    case release(units: Int, at: UnixMilliseconds)
    /// The stock was changed by so many units: more, or before opening also fewer; written by restock.lua.
    case restock(units: Int, at: UnixMilliseconds)

    /// Nothing comes after this: the sale is stored whole, and Redis may forget it; written by archive.lua.
    case archive(at: UnixMilliseconds)

    /// The schema version this release writes and reads.
    package static let version = 1

    /// Why an entry could not be understood.
    package struct Malformed: Error, Equatable {
        /// One sentence, naming the field.
        package let message: String

        package init(message: String) { self.message = message }
    }

    /// Reads an entry's fields, given as name, value, name, value …
    package init(sale: SaleID, fields: [(name: String, value: String)]) throws(Malformed) {
        let reader = try FieldReader(fields)
        let version = try reader.integer("v", in: 0...Int.max)
        guard version == Self.version else {
            throw Malformed(message: "schema version \(version) is not \(Self.version), the one this release reads")
        }
        switch try reader.text("kind") {
        case "create": self = .create(try SaleRecord(sale: sale, reader))
        case "order": self = .order(try Order(sale: sale, reader))
        case "set": self = .set(try SaleSettings(reader))
        case "release":
            self = .release(
                units: try reader.integer("units", in: 1...Limits.stockMax),
                at: UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max)))
        case "restock":
            self = .restock(
                units: try reader.signed("units"), at: UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max)))
        case "archive": self = .archive(at: UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max)))
        case let kind: throw Malformed(message: "kind \(kind.prefix(32)) is unknown to this release")
        }
    }
}

/// A sale as it was created: what SQLite keeps of it.
package struct SaleRecord: Equatable, Sendable {
    package var sale: SaleID
    /// Tells two sales of the same name apart.
    package var uuid: String
    package var title: String
    /// Units on sale.
    package var stockTotal: Int
    package var maxPerBuyer: Int
    package var settings: SaleSettings
    /// Hexadecimal; buyers appear in public under a pseudonym keyed with it.
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

    fileprivate init(sale: SaleID, _ reader: FieldReader) throws(OrderEvent.Malformed) {
        self.sale = sale
        uuid = try reader.text("uuid")
        title = try reader.text("title")
        stockTotal = try reader.integer("stock", in: 0...Limits.stockMax)
        maxPerBuyer = try reader.integer("max_per_buyer", in: 1...Limits.quantityMax)
        // A sale begins unpaused; repair.lua, which writes the event of a stream that begins anew, may say otherwise.
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

/// What may change of a sale while it goes on.
package struct SaleSettings: Equatable, Sendable {
    /// nil where it stays as it is.
    package var title: String?
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    package var paused: Bool
    /// nil: the sale has none.
    package var waitingRoom: WaitingRoom?

    package init(
        title: String? = nil, opensAt: UnixMilliseconds?, closesAt: UnixMilliseconds?, paused: Bool,
        waitingRoom: WaitingRoom? = nil
    ) {
        self.title = title
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.paused = paused
        self.waitingRoom = waitingRoom
    }

    fileprivate init(_ reader: FieldReader) throws(OrderEvent.Malformed) {
        title = try reader.optional("title")
        opensAt = try reader.time("opens_at")
        closesAt = try reader.time("closes_at")
        paused = try reader.integer("paused", in: 0...1) == 1
        waitingRoom = try reader.waitingRoom()
    }
}

/// A purchase that won.
package struct Order: Equatable, Sendable {
    package var id: OrderID
    package var buyer: String
    package var quantity: Int
    /// The purchase's Idempotency-Key.
    package var key: String
    /// The W3C trace-id of the request that won, 32 hexadecimal digits.
    package var trace: String
    package var securedAt: UnixMilliseconds
    package var epoch: Int

    fileprivate init(sale: SaleID, _ reader: FieldReader) throws(OrderEvent.Malformed) {
        let position = try reader.integer("position", in: 1...Int.max)
        id = OrderID(sale: sale, position: position)
        guard try reader.text("order") == id.description else {
            throw OrderEvent.Malformed(message: "field order does not name position \(position) of \(sale)")
        }
        buyer = try reader.text("buyer")
        guard BuyerName.isValid(buyer) else {
            throw OrderEvent.Malformed(message: "field buyer is not printable ASCII of up to 128 bytes")
        }
        quantity = try reader.integer("quantity", in: 1...Limits.quantityMax)
        key = try reader.text("key")
        guard IdempotencyKey.isValid(key) else {
            throw OrderEvent.Malformed(message: "field key is not an idempotency key")
        }
        trace = try reader.text("trace")
        guard TraceID.isValid(trace) else {
            throw OrderEvent.Malformed(message: "field trace is not 32 hexadecimal digits in lower case")
        }
        securedAt = UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max))
        epoch = try reader.integer("epoch", in: 1...Int.max)
    }

    package init(
        id: OrderID, buyer: String, quantity: Int, key: String, trace: String, securedAt: UnixMilliseconds, epoch: Int
    ) {
        self.id = id
        self.buyer = buyer
        self.quantity = quantity
        self.key = key
        self.trace = trace
        self.securedAt = securedAt
        self.epoch = epoch
    }
}

/// Typed look-ups in an entry's fields. An event has about ten, so looking through them costs less than hashing them.
private struct FieldReader {
    /// What a later release may add fits; what somebody puts there to keep us busy does not.
    private static let fieldsMax = 64

    private let fields: [(name: String, value: String)]

    init(_ fields: [(name: String, value: String)]) throws(OrderEvent.Malformed) {
        guard fields.count <= Self.fieldsMax else {
            throw OrderEvent.Malformed(message: "it has \(fields.count) fields; an event has up to \(Self.fieldsMax)")
        }
        for index in fields.indices {
            for earlier in 0..<index where fields[earlier].name == fields[index].name {
                throw OrderEvent.Malformed(message: "field \(fields[index].name.prefix(32)) occurs twice")
            }
        }
        self.fields = fields
    }

    private func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    func text(_ name: String) throws(OrderEvent.Malformed) -> String {
        guard let value = value(name) else { throw OrderEvent.Malformed(message: "field \(name) is missing") }
        guard !value.isEmpty else { throw OrderEvent.Malformed(message: "field \(name) is empty") }
        return value
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(OrderEvent.Malformed) -> Int {
        guard let value = try text(name).withBytes({ $0.decimal }), range.contains(value) else {
            throw OrderEvent.Malformed(message: "field \(name) is not an integer from \(range.lowerBound)")
        }
        return value
    }

    func optional(_ name: String) throws(OrderEvent.Malformed) -> String? {
        value(name) == nil ? nil : try text(name)
    }

    /// A number other than 0 that may be negative.
    func signed(_ name: String) throws(OrderEvent.Malformed) -> Int {
        let value = try text(name)
        let magnitude = value.hasPrefix("-") ? String(value.dropFirst()) : value
        guard let number = magnitude.withBytes({ $0.decimal }), (1...Limits.stockMax).contains(number) else {
            throw OrderEvent.Malformed(message: "field \(name) is not a number of units")
        }
        return value.hasPrefix("-") ? -number : number
    }

    /// The waiting room's two fields; nil where there are none.
    func waitingRoom() throws(OrderEvent.Malformed) -> WaitingRoom? {
        guard let admission = try optional("admission") else { return nil }
        let window = try integer("turn_window_ms", in: WaitingRoom.turnWindowRange)
        guard let room = WaitingRoom(admission: admission, turnWindow: window) else {
            throw OrderEvent.Malformed(message: "field admission is not a schedule")
        }
        return room
    }

    /// A time in milliseconds; 0 stands for unset.
    func time(_ name: String) throws(OrderEvent.Malformed) -> UnixMilliseconds? {
        let value = try integer(name, in: 0...Int.max)
        return value == 0 ? nil : UnixMilliseconds(value)
    }
}
