/// The positions that somebody was told, each with the press that it was given to: where that may be one of several, the first of
/// them, so that nobody is accused who may have come in turn.
///
/// 201 says that it was this press, and 200 that it was this or an earlier one. A press that was refused has won nothing; one
/// whose outcome is unknown may have, and even later than one behind it was refused: it may still have been on its way.
struct Places {
    struct Place {
        /// Of its first answer.
        var log: Int
        var line: Int
        var key: String
        var position: Int
        /// When the press was sent that it was given to, at the earliest.
        var asked: Int
        /// When it was first told.
        var told: Int
    }

    private(set) var told: [Place] = []
    /// By key, since its last answer with a position: when the first press was sent whose outcome is unknown.
    private(set) var open: [String: Int] = [:]

    init(_ attempts: [Attempt]) {
        var last: [String: Int] = [:]
        for attempt in attempts.sorted(by: { $0.invoked < $1.invoked }) {
            if attempt.won, let position = attempt.position, let responded = attempt.responded {
                if let index = last[attempt.key], told[index].position == position {
                    if attempt.status == 201 { told[index].asked = attempt.invoked }
                    if responded < told[index].told {
                        (told[index].log, told[index].line) = (attempt.log, attempt.line)
                        told[index].told = responded
                    }
                } else {
                    let earlier = attempt.status == 201 ? nil : open[attempt.key]
                    last[attempt.key] = told.count
                    told.append(
                        Place(
                            log: attempt.log, line: attempt.line, key: attempt.key, position: position,
                            asked: earlier ?? attempt.invoked, told: responded))
                }
                open[attempt.key] = nil
            } else if attempt.isUnknown {
                open[attempt.key] = open[attempt.key] ?? attempt.invoked
            }
        }
    }
}
