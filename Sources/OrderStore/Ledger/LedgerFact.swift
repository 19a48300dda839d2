import Shared

/// What one entry of a sale's ledger records.
enum LedgerFact {
    case create(SaleRecord)
    case order(Order)
    /// All settings as they are from then on, and the title if it was changed.
    case set(SaleSettings, title: String?)
    case restock(units: Int, at: UnixMilliseconds)
    case release(units: Int, at: UnixMilliseconds)
    /// The sale is over, and all of it is stored.
    case archive(at: UnixMilliseconds)
    /// Positions that were confirmed to buyers and that no store has.
    case lost(ClosedRange<Int>, units: Int, at: UnixMilliseconds)
    /// An order that will never be stored.
    case void(position: Int, quantity: Int, at: UnixMilliseconds)

    /// Appends the entry's canonical form (docs/ledger.md): JSON with its members in this order and no space, times in
    /// milliseconds since 1970, the buyer under the sale's pseudonym. Without `hash`, which covers these bytes.
    func append(seq: Int, pseudonym: Pseudonym, to text: inout ByteBuffer) {
        text.append("{")
        text.appendMember("seq", seq)
        switch self {
        case .create(let record):
            text.appendMember("kind", "create")
            text.appendMember("sale", record.sale)
            text.appendMember("uuid", record.uuid)
            text.appendMember("title", record.title)
            text.appendMember("stock", record.stockTotal)
            text.appendMember("max_per_buyer", record.maxPerBuyer)
            append(record.settings, to: &text)
            text.appendMember("at_ms", record.createdAt.value)
            text.appendMember("epoch", record.epoch)
        case .order(let order):
            text.appendMember("kind", "order")
            text.appendMember("position", order.id.position)
            text.appendMember("buyer", ErasedBuyer.pseudonym(of: order, pseudonym))
            text.appendMember("quantity", order.quantity)
            text.appendMember("secured_at_ms", order.securedAt.value)
            text.appendMember("epoch", order.epoch)
        case .set(let settings, let title):
            text.appendMember("kind", "set")
            if let title { text.appendMember("title", title) }
            append(settings, to: &text)
        case .restock(let units, let at):
            text.appendMember("kind", "restock")
            text.appendMember("units", units)
            text.appendMember("at_ms", at.value)
        case .release(let units, let at):
            text.appendMember("kind", "release")
            text.appendMember("units", units)
            text.appendMember("at_ms", at.value)
        case .archive(let at):
            text.appendMember("kind", "archive")
            text.appendMember("at_ms", at.value)
        case .lost(let positions, let units, let at):
            text.appendMember("kind", "lost")
            text.appendMember("first_position", positions.lowerBound)
            text.appendMember("last_position", positions.upperBound)
            text.appendMember("units", units)
            text.appendMember("at_ms", at.value)
        case .void(let position, let quantity, let at):
            text.appendMember("kind", "void")
            text.appendMember("position", position)
            text.appendMember("quantity", quantity)
            text.appendMember("at_ms", at.value)
        }
        text.append("}")
    }

    private func append(_ settings: SaleSettings, to text: inout ByteBuffer) {
        text.appendMember("opens_at_ms", settings.opensAt?.value ?? 0)
        text.appendMember("closes_at_ms", settings.closesAt?.value ?? 0)
        text.appendMember("paused", settings.paused)
        guard let room = settings.waitingRoom else { return }
        text.appendMember("admission", room.schedule.text)
        text.appendMember("turn_window_ms", room.turnWindowMilliseconds)
    }
}
