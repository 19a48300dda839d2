import OrderStore
import Shared

/// Which dead letters a command selects: those that match all of its `--filter` options. A pure function of a letter.
struct LetterFilter: Equatable {
    private enum Condition: Equatable {
        case reason(String)
        case stage(String)
        case positions(ClosedRange<Int>)
        case open
        case resolved(Letter.Resolution)
    }

    static let help =
        "reason=R, stage=S, position=N or N-M, open, redriven or discarded; if repeated, all must match"

    private var conditions: [Condition] = []

    init(_ texts: [String]) throws(Arguments.UsageError) {
        for text in texts {
            guard let condition = Self.condition(text) else {
                throw Arguments.UsageError("--filter is \"\(text)\"; it must be \(Self.help)")
            }
            conditions.append(condition)
        }
    }

    func matches(_ letter: Letter) -> Bool {
        conditions.allSatisfy { condition in
            switch condition {
            case .reason(let reason): letter.reason == reason
            case .stage(let stage): letter.stage == stage
            case .positions(let range): letter.position.map { range.contains($0) } ?? false
            case .open: letter.resolution == nil
            case .resolved(let resolution): letter.resolution == resolution
            }
        }
    }

    private static func condition(_ text: String) -> Condition? {
        if text == "open" { return .open }
        if let resolution = Letter.Resolution(rawValue: text) { return .resolved(resolution) }
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "reason": return .reason(String(parts[1]))
        case "stage": return .stage(String(parts[1]))
        case "position":
            let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last
            else {
                return nil
            }
            return .positions(first...last)
        default: return nil
        }
    }
}
