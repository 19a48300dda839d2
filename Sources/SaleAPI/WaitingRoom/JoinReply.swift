import RedisClient
import Shared

/// A reply of join.lua.
struct JoinReply {
    enum Verdict {
        /// One position for each buyer, and whether it is new.
        case given([(position: Int, isNew: Bool)])
        case ended
        case soldOut
        case noWaitingRoom
        case unknownSale
        case fenced

        /// Whether the whole batch was turned away: nothing was done.
        var isTurnedAway: Bool {
            switch self {
            case .unknownSale, .fenced: true
            case .given, .ended, .soldOut, .noWaitingRoom: false
            }
        }
    }

    let verdict: Verdict
    let epoch: Int
    let now: UnixMilliseconds
    let uuid: String
    /// nil if the sale has no waiting room.
    let room: WaitingRoom?
    let turnsSince: UnixMilliseconds

    /// Index of the first position.
    private static let positionsStart = 7

    /// Reads the reply to `count` buyers; nil if it does not have the form that join.lua promises.
    init?(_ reply: borrowing RedisValue, count: Int) {
        guard reply.count >= Self.positionsStart, let epoch = reply[1].integer,
            let now = UnixMilliseconds(validating: reply[2].integer),
            let uuid = reply[3].string, let admission = reply[4].string, let window = reply[5].integer,
            let since = UnixMilliseconds(validating: reply[6].integer), let codes = reply[0].bytes, codes.count == count
        else { return nil }
        self.epoch = epoch
        self.now = now
        self.uuid = uuid
        room = WaitingRoom(admission: admission, turnWindow: window)
        turnsSince = since
        switch codes.first {
        case UInt8(ascii: "E"): verdict = .ended
        case UInt8(ascii: "O"): verdict = .soldOut
        case UInt8(ascii: "W"): verdict = .noWaitingRoom
        case UInt8(ascii: "U"): verdict = .unknownSale
        case UInt8(ascii: "F"): verdict = .fenced
        default:
            guard room != nil, reply.count == Self.positionsStart + count else { return nil }
            var given: [(position: Int, isNew: Bool)] = []
            given.reserveCapacity(count)
            for (index, code) in codes.enumerated() {
                guard code == UInt8(ascii: "N") || code == UInt8(ascii: "A"),
                    let position = reply[Self.positionsStart + index].integer, position >= 1
                else { return nil }
                given.append((position, code == UInt8(ascii: "N")))
            }
            verdict = .given(given)
        }
    }

    /// When a position's turn begins and ends; nil while nobody knows.
    func turn(of position: Int) -> (at: UnixMilliseconds, expires: UnixMilliseconds)? {
        guard let room, case .at(let turn) = room.schedule.turn(of: position) else { return nil }
        return (turn, room.expiry(of: turn, turnsSince: turnsSince))
    }
}
