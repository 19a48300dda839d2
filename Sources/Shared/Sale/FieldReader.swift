/// Typed look-ups in an entry's fields. An event has about ten, so a linear search costs less than hashing them.
struct FieldReader {
    /// Leaves room for fields that a later release adds, and bounds what a hostile entry can cost.
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

    func has(_ name: String) -> Bool { value(name) != nil }

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
        has(name) ? try text(name) : nil
    }

    /// A number that may be negative, but is not 0.
    func signed(_ name: String) throws(OrderEvent.Malformed) -> Int {
        let value = try text(name)
        let magnitude = value.hasPrefix("-") ? String(value.dropFirst()) : value
        guard let number = magnitude.withBytes({ $0.decimal }), (1...Limits.stockMax).contains(number) else {
            throw OrderEvent.Malformed(message: "field \(name) is not a number of units")
        }
        return value.hasPrefix("-") ? -number : number
    }

    /// The waiting room's two fields; nil if the entry doesn't have them.
    func waitingRoom() throws(OrderEvent.Malformed) -> WaitingRoom? {
        guard let admission = try optional("admission") else { return nil }
        let window = try integer("turn_window_ms", in: WaitingRoom.turnWindowRange)
        guard let room = WaitingRoom(admission: admission, turnWindow: window) else {
            throw OrderEvent.Malformed(message: "field admission is not a schedule")
        }
        return room
    }

    /// A time in milliseconds; nil for 0, which stands for unset.
    func time(_ name: String) throws(OrderEvent.Malformed) -> UnixMilliseconds? {
        let value = try integer(name, in: 0...Int.max)
        return value == 0 ? nil : UnixMilliseconds(value)
    }
}
