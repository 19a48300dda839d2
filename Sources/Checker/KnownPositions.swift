/// The highest position that had been answered to anybody, at each moment. A buyer who asks after that must get a
/// higher one. Positions are a total order, so this is all that first come, first served can ask.
struct KnownPositions {
    /// In order of time, and so in order of the position, too.
    private var steps: [(answered: Int, highest: Int)] = []

    init(_ confirmations: [ConfirmedPosition]) {
        for confirmation in confirmations.sorted(by: { $0.answered < $1.answered }) {
            steps.append((confirmation.answered, max(steps.last?.highest ?? 0, confirmation.position)))
        }
    }

    /// 0 if none had been answered before that moment.
    func highest(before moment: Int) -> Int {
        var (low, high) = (0, steps.count)
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].answered < moment { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : steps[low - 1].highest
    }
}
