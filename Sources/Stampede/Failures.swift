import Shared

/// Buyers who are errors, by the answer that made them one: the last one, if they gave up.
struct Failures {
    private struct Kind {
        /// 0 if there was no answer.
        var status: Int
        var problem: String
        var count: Int
    }

    /// There are some two dozen problem types, of which a run meets a few; the rest is counted together.
    private static let kindsMax = 16

    private var kinds: [Kind] = []
    private var others = 0

    /// Counts a buyer. It allocates only for the first of its kind.
    ///
    /// - Parameters:
    ///   - status: 0 if there was no answer.
    ///   - problem: the last segment of the answer's problem type; empty if it is no problem.
    mutating func add(status: Int, problem: Span<UInt8>) {
        for index in kinds.indices where kinds[index].status == status {
            guard problem.equals(kinds[index].problem.utf8Span.span) else { continue }
            kinds[index].count += 1
            return
        }
        guard kinds.count < Self.kindsMax else {
            others += 1
            return
        }
        kinds.append(Kind(status: status, problem: problem.string, count: 1))
    }

    /// The most frequent kind first, as in `20 × 401 unauthorized`.
    var lines: [String] {
        let lines = kinds.sorted { $0.count > $1.count }.map { kind in
            let words = (kind.status == 0 ? [] : ["\(kind.status)"]) + [kind.problem]
            return "\(kind.count) × \(words.filter { !$0.isEmpty }.joined(separator: " "))"
        }
        return others == 0 ? lines : lines + ["\(others) × anything else"]
    }
}
