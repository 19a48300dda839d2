import RedisClient
import Shared

/// A reply of purchase.lua, read purchase by purchase. The form of the whole reply is checked before the first purchase
/// is read, so that no purchase of a batch is answered from a reply that turns out to be something else.
struct PurchaseReply: ~Copyable {
    /// The sale's epoch; 0 if the batch was turned away because nobody knows the sale.
    private(set) var epoch = 0
    private(set) var now = UnixMilliseconds(0)
    private(set) var remaining = 0
    /// The uuid of the sale; "" if the batch was turned away.
    private(set) var uuid = ""
    private var securedAt = UnixMilliseconds(0)
    private var opensAt = UnixMilliseconds(0)
    private var codes = ByteBuffer(capacity: 1024)
    private var next = 0
    private var nextDetail = 0

    /// Index of the first detail in the reply.
    private static let detailStart = 7

    /// Reads the head of a reply to `count` purchases. Returns false if the reply does not have the form that
    /// purchase.lua promises, an unknown letter included.
    mutating func begin(_ reply: borrowing RedisValue, count: Int) -> Bool {
        next = 0
        nextDetail = Self.detailStart
        codes.removeAll()
        guard reply.count >= Self.detailStart, let current = reply[0].integer, let left = reply[1].integer,
            let decided = UnixMilliseconds(validating: reply[2].integer),
            let secured = UnixMilliseconds(validating: reply[3].integer),
            let opens = UnixMilliseconds(validating: reply[4].integer)
        else { return false }
        epoch = current
        remaining = left
        now = decided
        securedAt = secured
        opensAt = opens
        let letters = reply[5]
        letters.withBytes { if let letters = $0 { codes.append(letters) } }
        guard codes.count == count, readUUID(reply[6]) else { return false }
        return codes.withBytes { codes in
            var details = Self.detailStart
            for index in codes.indices {
                guard let code = PurchaseCode(rawValue: codes[index]) else { return false }
                if code.hasDetail { details += 1 }
            }
            return details == reply.count
        }
    }

    /// Makes a new string only if the last reply was about another sale. Returns false if the value is no text.
    private mutating func readUUID(_ value: borrowing RedisValue) -> Bool {
        value.withBytes { bytes in
            guard let bytes else { return false }
            if !uuid.withBytes({ bytes.equals($0) }) { uuid = bytes.string }
            return true
        }
    }

    /// Whether the whole batch was turned away: fenced, or an unknown sale.
    var turnedAway: Bool {
        codes.withBytes { $0.count > 0 && PurchaseCode(rawValue: $0[0])?.turnsBatchAway == true }
    }

    /// The decision on the next purchase; nil if its letter is unknown or its detail is not what the letter promises.
    mutating func decision(_ reply: borrowing RedisValue) -> Decision? {
        let index = next
        let letter = codes.withBytes { $0[index] }
        next += 1
        guard let code = PurchaseCode(rawValue: letter) else { return nil }
        switch code {
        case .secured:
            guard let position = detail(reply).integer else { return nil }
            return .secured(position: position, at: securedAt)
        case .replayed:
            let words = (detail(reply).string ?? "").split(separator: " ")
            guard words.count == 2, let position = Int(words[0]), let at = UnixMilliseconds(validating: Int(words[1]))
            else { return nil }
            return .replayed(position: position, at: at)
        case .limit:
            guard let orders = detail(reply).string else { return nil }
            return .limit(orders: orders)
        case .insufficient:
            guard let remaining = detail(reply).integer else { return nil }
            return .insufficient(remaining: remaining)
        case .keyReused: return .keyReused
        case .ended: return .ended
        case .notOpen: return .notOpen(opensAt: opensAt)
        case .soldOut: return .soldOut
        case .paused: return .paused
        case .unknownSale: return .unknownSale
        case .fenced: return .fenced
        case .ticketRequired: return .turn(.ticketRequired)
        case .ticketRefused:
            guard let word = detail(reply).string else { return nil }
            if word == "outdated" { return .turn(.ticketOutdated) }
            guard let fault = Ticket.Fault(rawValue: word) else { return nil }
            return .turn(.ticketInvalid(fault))
        case .turnNotYet:
            guard let turn = UnixMilliseconds(validating: detail(reply).integer) else { return nil }
            return .turn(.notYet(turn.value == 0 ? nil : turn))
        case .turnMissed:
            guard let turn = UnixMilliseconds(validating: detail(reply).integer) else { return nil }
            return .turn(.missed(turn.value == 0 ? nil : turn))
        }
    }

    @_lifetime(copy reply)
    private mutating func detail(_ reply: borrowing RedisValue) -> RedisValue {
        nextDetail += 1
        return reply[nextDetail - 1]
    }
}
