/// The letter with which purchase.lua answers one purchase; the script's header says what each means.
enum PurchaseCode: UInt8 {
    case secured = 0x53  // S
    case replayed = 0x52  // R
    case keyReused = 0x4B  // K
    case ended = 0x45  // E
    case notOpen = 0x4E  // N
    case limit = 0x4C  // L
    case soldOut = 0x4F  // O
    case paused = 0x50  // P
    case insufficient = 0x49  // I
    case ticketRequired = 0x51  // Q
    case ticketRefused = 0x58  // X
    case turnNotYet = 0x54  // T
    case turnMissed = 0x4D  // M
    case unknownSale = 0x55  // U
    case fenced = 0x46  // F

    /// Whether the reply has a detail for a purchase with this letter.
    var hasDetail: Bool {
        switch self {
        case .secured, .replayed, .limit, .insufficient, .ticketRefused, .turnNotYet, .turnMissed: true
        case .keyReused, .ended, .notOpen, .soldOut, .paused, .ticketRequired, .unknownSale, .fenced: false
        }
    }

    /// Whether this letter turns the whole batch away: nothing was decided.
    var turnsBatchAway: Bool { self == .fenced || self == .unknownSale }
}
