/// The positions that were confirmed to buyers, each with the attempt that it was given to. If that may be one of
/// several attempts, the first of them counts, so that nobody is accused who may have come in turn.
///
/// 201 says that this attempt won, and 200 that this or an earlier one did. An attempt that was refused has won
/// nothing. One whose outcome is unknown may have won, even after a later one was refused: it may still have been on
/// its way.
struct Confirmations {
    struct Confirmation {
        /// Of its first answer.
        var log: Int
        var line: Int
        var key: String
        var position: Int
        /// When the attempt that it was given to was sent, at the earliest.
        var asked: Int
        /// When it was first confirmed.
        var answered: Int
    }

    private(set) var all: [Confirmation] = []
    /// By key: when the first attempt with an unknown outcome was sent, since the key's last answer with a position.
    private(set) var firstUnknown: [String: Int] = [:]

    init(_ attempts: [Attempt]) {
        var last: [String: Int] = [:]
        for attempt in attempts.sorted(by: { $0.invoked < $1.invoked }) {
            if attempt.won, let position = attempt.position, let responded = attempt.responded {
                if let index = last[attempt.key], all[index].position == position {
                    if attempt.status == 201 { all[index].asked = attempt.invoked }
                    if responded < all[index].answered {
                        (all[index].log, all[index].line) = (attempt.log, attempt.line)
                        all[index].answered = responded
                    }
                } else {
                    let earlier = attempt.status == 201 ? nil : firstUnknown[attempt.key]
                    last[attempt.key] = all.count
                    all.append(
                        Confirmation(
                            log: attempt.log, line: attempt.line, key: attempt.key, position: position,
                            asked: earlier ?? attempt.invoked, answered: responded))
                }
                firstUnknown[attempt.key] = nil
            } else if attempt.isUnknown {
                firstUnknown[attempt.key] = firstUnknown[attempt.key] ?? attempt.invoked
            }
        }
    }
}
