import EventLoop
import Shared

/// All buyers: their names, keys and tokens, made before the first press, and what became of each.
///
/// Names have eight digits, so that all tokens have the same length, and a buyer's token lies at a multiple of it.
final class Buyers {
    /// What a buyer has heard so far.
    enum Outcome: UInt8 {
        /// No final answer yet.
        case none
        case secured
        case soldOut
        /// Refused because too many pressed at once, and did not come back.
        case shed
        /// Some other final answer, or none in time.
        case failed
    }

    /// Digits of the number in a name and in a key.
    static let digits = 8

    let count: Int
    private let tokens: ByteBuffer
    private let tokenBytes: Int
    private(set) var outcomes: [Outcome]
    /// When each buyer first pressed, or should have; for those who press again after their answer, that press.
    private var firstPress: [UInt64]
    /// Nanoseconds from there to the final answer; 0 while there is none.
    private(set) var latencies: [UInt64]
    private var positions: [Int32]
    private var buyerAtPosition: [Int: Int] = [:]
    /// Buyers without a final answer.
    private(set) var unanswered: Int
    /// Keys seen with two orders, or orders with two keys.
    private(set) var duplicates = 0
    /// Buyers who heard that they have won, and that everything is sold.
    private(set) var contradictions = 0
    private(set) var lastAnswer: UInt64 = 0

    /// - Parameter progress: is called now and then with the number of tokens so far.
    init(count: Int, mint: consuming TokenMint, expiresAt: Int, issuedAt: Int, progress: (Int) -> Void) {
        self.count = count
        outcomes = Array(repeating: .none, count: count)
        firstPress = Array(repeating: 0, count: count)
        latencies = Array(repeating: 0, count: count)
        positions = Array(repeating: 0, count: count)
        unanswered = count
        var name = ByteBuffer(capacity: 32)
        Self.append(buyer: 0, to: &name)
        var first = ByteBuffer(capacity: 512)
        mint.append(subject: name.bytes, issuedAt: issuedAt, expiresAt: expiresAt, to: &first)
        tokenBytes = first.count
        var all = ByteBuffer(capacity: count * tokenBytes)
        for buyer in 0..<count {
            name.removeAll()
            Self.append(buyer: buyer, to: &name)
            mint.append(subject: name.bytes, issuedAt: issuedAt, expiresAt: expiresAt, to: &all)
            if buyer & 0xFFFF == 0 { progress(buyer) }
        }
        precondition(all.count == count * tokenBytes, "the tokens differ in length")
        tokens = all
    }

    // MARK: Names

    static func append(buyer: Int, to buffer: inout ByteBuffer) {
        buffer.append("buyer-")
        buffer.append(decimal: buyer + 1, width: digits)
    }

    /// Appends a buyer's key; it has only one, however often it presses.
    static func append(key buyer: Int, to buffer: inout ByteBuffer) {
        buffer.append("press-")
        buffer.append(decimal: buyer + 1, width: digits)
    }

    func withToken<R>(_ buyer: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        tokens.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[buyer * tokenBytes..<(buyer + 1) * tokenBytes]))
        }
    }

    // MARK: Outcomes

    /// Whether a buyer is in the share that presses again. Spread evenly, and the same in every run.
    static func retries(_ buyer: Int, perMillion: Int) -> Bool {
        ((UInt64(buyer) &* 0x9E37_79B9_7F4A_7C15) >> 32) % 1_000_000 < UInt64(perMillion)
    }

    /// Milliseconds that a buyer waits longer than it must. Spread evenly, also among those who press again, and the
    /// same in every run.
    static func jitter(_ buyer: Int, below bound: Int) -> Int {
        Int((UInt64(buyer) &* 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: UInt64(bound)).high)
    }

    func pressed(_ buyer: Int, due: Instant) { firstPress[buyer] = due.nanoseconds }

    func firstPress(_ buyer: Int) -> Instant { Instant(nanoseconds: firstPress[buyer]) }

    func isAnswered(_ buyer: Int) -> Bool { outcomes[buyer] != .none }

    /// Distinct orders that buyers were told of.
    var orders: Int { buyerAtPosition.count }

    /// The buyer was answered that it has this position.
    func secured(_ buyer: Int, position: Int, at now: Instant) {
        if positions[buyer] != Int32(clamping: position) {
            if positions[buyer] == 0 { positions[buyer] = Int32(clamping: position) } else { duplicates += 1 }
            if let other = buyerAtPosition.updateValue(buyer, forKey: position), other != buyer { duplicates += 1 }
        }
        recordOutcome(buyer, .secured, now)
    }

    func soldOut(_ buyer: Int, at now: Instant) { recordOutcome(buyer, .soldOut, now) }

    func shed(_ buyer: Int, at now: Instant) { recordOutcome(buyer, .shed, now) }

    /// The buyer was refused for another reason, or has given up. Returns whether it is an error only from now on.
    func failed(_ buyer: Int, at now: Instant) -> Bool {
        let before = outcomes[buyer]
        recordOutcome(buyer, .failed, now)
        return before != .failed
    }

    private func recordOutcome(_ buyer: Int, _ outcome: Outcome, _ now: Instant) {
        if outcomes[buyer] == .none {
            unanswered -= 1
            latencies[buyer] = max(1, now.nanoseconds - min(now.nanoseconds, firstPress[buyer]))
            lastAnswer = max(lastAnswer, now.nanoseconds)
        }
        switch outcomes[buyer] {
        case .none, .shed: outcomes[buyer] = outcome
        // A buyer who has heard two different final answers can't trust either.
        case let before where outcome != before && outcome != .shed:
            if before != .failed, outcome != .failed { contradictions += 1 }
            outcomes[buyer] = .failed
        default: break
        }
    }
}
