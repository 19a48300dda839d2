/// The positions that were confirmed to buyers, each with the attempt that it was given to. If that may be one of
/// several attempts, the first of them counts, so that nobody is accused who may have come in turn.
///
/// 201 says that this attempt won, and 200 that this or an earlier one did. An attempt that was refused has won
/// nothing. One whose outcome is unknown may have won, even after a later one was refused: it may still have been on
/// its way. So may one that was told no position.
struct Confirmations {
    private(set) var all: [ConfirmedPosition] = []
    /// When the first attempt with an unknown outcome was sent, since the purchase's last answer with a position.
    private(set) var firstUnknown: [Purchase: Int] = [:]

    init(_ attempts: [Attempt]) {
        var last: [Purchase: Int] = [:]
        for attempt in attempts.sorted(by: { $0.invoked < $1.invoked }) {
            let purchase = attempt.purchase
            if attempt.won, let position = attempt.position, let responded = attempt.responded {
                if let index = last[purchase], all[index].position == position {
                    if attempt.status == 201 { all[index].asked = attempt.invoked }
                    if responded < all[index].answered {
                        (all[index].log, all[index].line) = (attempt.log, attempt.line)
                        all[index].answered = responded
                    }
                } else {
                    let earlier = attempt.status == 201 ? nil : firstUnknown[purchase]
                    last[purchase] = all.count
                    all.append(
                        ConfirmedPosition(
                            log: attempt.log, line: attempt.line, purchase: purchase, position: position,
                            asked: earlier ?? attempt.invoked, answered: responded))
                }
                firstUnknown[purchase] = nil
            } else if attempt.isUnknown || attempt.won {
                firstUnknown[purchase] = firstUnknown[purchase] ?? attempt.invoked
            }
        }
    }
}
