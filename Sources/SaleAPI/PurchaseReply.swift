import RedisClient
import Shared

/// What Redis said to one purchase.
enum Decision: Equatable {
    case secured(position: Int, at: UnixMilliseconds)
    /// The same purchase had won before.
    case replayed(position: Int, at: UnixMilliseconds)
    /// The key had won before, with another quantity.
    case keyReused
    case ended
    case notOpen(opensAt: UnixMilliseconds)
    /// The positions that the buyer has won, as text, `3,17`.
    case limit(orders: String)
    case soldOut
    case paused
    case insufficient(remaining: Int)
    case unknownSale
    /// This Redis has not been reconciled with SQLite: nothing was done.
    case fenced
    /// The sale has a waiting room, and it is not this buyer's turn.
    case turn(TurnRefusal)
}

/// Why a purchase is refused where a sale has a waiting room.
enum TurnRefusal: Equatable {
    case ticketRequired
    case ticketRefused(TicketFault)
    /// When it will be; nil while admission is paused.
    case notYet(UnixMilliseconds?)
    /// When it began; nil where nobody knows any more.
    case missed(UnixMilliseconds?)
}

/// Why a ticket does not count, by purchase.lua's word.
enum TicketFault: String, Equatable {
    case forged
    case foreign
    case other
    /// Of another sale of this name, or of an epoch whose positions were lost.
    case outdated
}

/// A reply of purchase.lua, read purchase by purchase. Its form is checked whole before the first is read, so that no
/// purchase of a batch is answered from a reply that turns out to be something else.
struct PurchaseReply: ~Copyable {
    private(set) var now = UnixMilliseconds(0)
    private(set) var remaining = 0
    /// The uuid of the sale; "" where the batch was turned away.
    private(set) var uuid = ""
    private var securedAt = UnixMilliseconds(0)
    private var opensAt = UnixMilliseconds(0)
    private var codes = ByteBuffer(capacity: 1024)
    private var next = 0
    private var nextDetail = 0

    /// Index of the first detail in the reply.
    private static let detailStart = 7

    /// Reads the head of a reply to `count` purchases; false where it is not of the form that purchase.lua promises.
    mutating func begin(_ reply: borrowing RedisValue, count: Int) -> Bool {
        next = 0
        nextDetail = Self.detailStart
        codes.removeAll()
        guard reply.count >= Self.detailStart, let left = reply[1].integer,
            let decided = UnixMilliseconds(validating: reply[2].integer),
            let secured = UnixMilliseconds(validating: reply[3].integer),
            let opens = UnixMilliseconds(validating: reply[4].integer)
        else { return false }
        remaining = left
        now = decided
        securedAt = secured
        opensAt = opens
        let letters = reply[5]
        letters.withBytes { if let letters = $0 { codes.append(letters) } }
        guard codes.count == count else { return false }
        readUUID(reply[6])
        return codes.withBytes { codes in
            var details = Self.detailStart
            for index in codes.indices {
                switch codes[index] {
                case UInt8(ascii: "S"), UInt8(ascii: "R"), UInt8(ascii: "L"), UInt8(ascii: "I"), UInt8(ascii: "X"),
                    UInt8(ascii: "T"), UInt8(ascii: "M"):
                    details += 1
                case UInt8(ascii: "K"), UInt8(ascii: "E"), UInt8(ascii: "N"), UInt8(ascii: "O"), UInt8(ascii: "P"),
                    UInt8(ascii: "U"), UInt8(ascii: "F"), UInt8(ascii: "Q"):
                    break
                default: return false
                }
            }
            return details == reply.count
        }
    }

    /// Makes a new string only where the last reply was of another sale.
    private mutating func readUUID(_ value: borrowing RedisValue) {
        value.withBytes { bytes in
            guard let bytes else { return }
            if !uuid.withBytes({ bytes.equals($0) }) { uuid = bytes.string }
        }
    }

    /// Whether the whole batch was turned away: fenced, or of an unknown sale.
    var turnedAway: Bool {
        codes.withBytes { $0.count > 0 && ($0[0] == UInt8(ascii: "F") || $0[0] == UInt8(ascii: "U")) }
    }

    /// The decision on the next purchase; nil where a detail is not what its letter promises.
    mutating func decision(_ reply: borrowing RedisValue) -> Decision? {
        let index = next
        let code = codes.withBytes { $0[index] }
        next += 1
        switch code {
        case UInt8(ascii: "S"):
            guard let position = detail(reply).integer else { return nil }
            return .secured(position: position, at: securedAt)
        case UInt8(ascii: "R"):
            let words = (detail(reply).string ?? "").split(separator: " ")
            guard words.count == 2, let position = Int(words[0]), let at = UnixMilliseconds(validating: Int(words[1]))
            else { return nil }
            return .replayed(position: position, at: at)
        case UInt8(ascii: "L"):
            guard let orders = detail(reply).string else { return nil }
            return .limit(orders: orders)
        case UInt8(ascii: "I"):
            guard let remaining = detail(reply).integer else { return nil }
            return .insufficient(remaining: remaining)
        case UInt8(ascii: "K"): return .keyReused
        case UInt8(ascii: "E"): return .ended
        case UInt8(ascii: "N"): return .notOpen(opensAt: opensAt)
        case UInt8(ascii: "O"): return .soldOut
        case UInt8(ascii: "P"): return .paused
        case UInt8(ascii: "U"): return .unknownSale
        case UInt8(ascii: "Q"): return .turn(.ticketRequired)
        case UInt8(ascii: "X"):
            guard let fault = detail(reply).string.flatMap({ TicketFault(rawValue: $0) }) else { return nil }
            return .turn(.ticketRefused(fault))
        case UInt8(ascii: "T"):
            guard let turn = UnixMilliseconds(validating: detail(reply).integer) else { return nil }
            return .turn(.notYet(turn.value == 0 ? nil : turn))
        case UInt8(ascii: "M"):
            guard let turn = UnixMilliseconds(validating: detail(reply).integer) else { return nil }
            return .turn(.missed(turn.value == 0 ? nil : turn))
        default: return .fenced
        }
    }

    @_lifetime(copy reply)
    private mutating func detail(_ reply: borrowing RedisValue) -> RedisValue {
        nextDetail += 1
        return reply[nextDetail - 1]
    }
}
