/// One parsed entry of a sale's `orders` stream.
package enum OrderEvent: Equatable, Sendable {
    /// The sale was created; written by create.lua, so that SQLite learns of it from the stream.
    case create(SaleRecord)
    /// A purchase won; written by purchase.lua in the call that decided it.
    case order(Order)
    /// The sale's title, times, pause or admission were changed; written by control.lua, set.lua and admit.lua.
    case set(SettingsChange)
    /// Withheld units are on sale again; written by release.lua.
    case release(units: Int, at: UnixMilliseconds)
    /// The stock was changed by this many units; before the opening it may be fewer. Written by restock.lua.
    case restock(units: Int, at: UnixMilliseconds)

    /// The last event: the sale is stored whole, and Redis may drop it. Written by archive.lua.
    case archive(at: UnixMilliseconds)

    /// The schema version that this release writes and reads.
    package static let version = 1

    /// Why an entry could not be parsed.
    package struct Malformed: Error, Equatable {
        /// One sentence that names the field.
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
        case "set": self = .set(try SettingsChange(reader))
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
