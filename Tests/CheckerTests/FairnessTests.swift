import Checker
import TestSupport
import Testing

@Suite struct `How fair a run was` {
    private func attempt(
        _ buyer: String, _ invoked: Int, _ responded: Int?, _ status: Int, problem: String? = nil, position: Int? = nil,
        isJoin: Bool = false
    ) -> Attempt {
        Attempt(
            line: invoked, isJoin: isJoin, invoked: invoked, responded: responded, buyer: buyer, key: "key-\(buyer)",
            status: status, problem: problem, position: position)
    }

    private func won(_ buyer: String, _ invoked: Int, _ responded: Int, _ position: Int) -> Attempt {
        attempt(buyer, invoked, responded, 201, position: position)
    }

    @Test func `finds nothing if everybody came in turn`() {
        let fairness = Fairness([won("a", 0, 1, 1), won("b", 2, 3, 2), won("c", 4, 5, 3)])
        #expect(fairness.units.count == 3)
        #expect(fairness.units.inversions.isEmpty)
        #expect(fairness.units.overtaken == 0)
        #expect(fairness.units.largestLead == 0)
        #expect(fairness.tickets == nil)
        #expect(fairness.cut == nil)
    }

    @Test func `finds a buyer who was answered before another asked and has the higher position`() {
        let fairness = Fairness([won("a", 0, 1, 2), won("b", 5, 6, 1)])
        #expect(fairness.units.inversions == [.init(log: 0, line: 5, position: 1, answered: 2)])
        #expect(fairness.units.largestLead == 5)
    }

    @Test func `measures how much later a buyer with a lower position asked`() {
        // All three are under way at once: there is no inversion, but c asked 7 after a.
        let fairness = Fairness([won("a", 0, 10, 3), won("b", 4, 11, 2), won("c", 7, 12, 1)])
        #expect(fairness.units.inversions.isEmpty)
        #expect(fairness.units.overtaken == 2)
        #expect(Fairness([won("a", 0, 10, 2), won("b", 0, 11, 1)]).units.overtaken == 0)
        #expect(fairness.units.largestLead == 7)
    }

    @Test func `attributes a win to the first attempt that was not refused`() {
        // a was answered "not open", lost an attempt, was answered 503, and won: by the lost attempt, or by the last.
        let fairness = Fairness([
            attempt("a", 0, 1, 409, problem: "sale-not-open"), attempt("a", 20, nil, 0),
            attempt("a", 30, 31, 503, problem: "unavailable"), won("b", 25, 26, 2),
            attempt("a", 40, 41, 200, position: 1),
        ])
        #expect(fairness.units.inversions.isEmpty)
        #expect(fairness.units.largestLead == 0)
        // Without the lost attempt it can only have been the last, and b was answered before that.
        let later = Fairness([
            attempt("a", 30, 31, 503, problem: "unavailable"), won("b", 25, 26, 2),
            attempt("a", 40, 41, 201, position: 1),
        ])
        #expect(later.units.inversions.count == 1)
    }

    @Test func `takes the attempt that was answered 201 for the winner, and the first answer for when it was known`() {
        // a presses on two devices, and the second wins.
        let fairness = Fairness([
            attempt("a", 20, 50, 200, position: 1), won("a", 30, 35, 1), won("b", 21, 28, 2),
        ])
        #expect(fairness.units.inversions == [.init(log: 0, line: 30, position: 1, answered: 2)])
        // c asks when the second has its answer, and the first not yet.
        let known = Fairness([attempt("a", 20, 50, 200, position: 2), won("a", 30, 35, 2), won("c", 40, 45, 1)])
        #expect(known.units.inversions == [.init(log: 0, line: 40, position: 1, answered: 2)])
        // A position is no inversion of itself.
        #expect(Fairness([won("a", 0, 1, 1), won("a", 2, 3, 1)]).units.isFair)
    }

    @Test func `counts tickets separately from units, and a buyer's second ticket as one more`() {
        let fairness = Fairness([
            attempt("a", 0, 1, 201, position: 1, isJoin: true), attempt("a", 2, 3, 200, position: 1, isJoin: true),
            attempt("b", 4, 5, 201, position: 2, isJoin: true), attempt("a", 8, 9, 201, position: 3, isJoin: true),
            won("b", 10, 11, 1),
        ])
        #expect(fairness.tickets?.count == 3)
        #expect(fairness.tickets?.inversions == [])
        #expect(fairness.tickets?.largestLead == 0)
        #expect(fairness.units.count == 1)
        // An attempt without an answer may have won the first ticket, and not the second.
        let lost = Fairness([
            attempt("a", 0, nil, 0, isJoin: true), attempt("a", 2, 3, 200, position: 1, isJoin: true),
            attempt("b", 4, 5, 201, position: 2, isJoin: true), attempt("a", 8, 9, 200, position: 3, isJoin: true),
        ])
        #expect(lost.tickets?.overtaken == 0)
    }

    @Test func `finds a position that two buyers were answered`() {
        // Also if neither was answered before the other asked.
        for asked in [1, 5] {
            let fairness = Fairness([
                attempt("a", 0, 2, 201, position: 1, isJoin: true),
                attempt("b", asked, 6, 201, position: 1, isJoin: true), won("a", 7, 8, 1), won("b", asked + 6, 12, 1),
            ])
            #expect(fairness.tickets?.duplicates == [.init(log: 0, line: asked, position: 1)])
            #expect(fairness.units.duplicates == [.init(log: 0, line: asked + 6, position: 1)])
            #expect(fairness.tickets?.isFair == false && !fairness.units.isFair)
        }
        // One buyer asks from two devices.
        var second = attempt("a", 5, 6, 200, position: 1, isJoin: true)
        second.key = "other"
        let devices = Fairness([attempt("a", 0, 2, 201, position: 1, isJoin: true), second])
        #expect(devices.tickets?.duplicates == [])
    }

    @Test func `says what happened between the last unit and the first "sold out"`() {
        let fairness = Fairness([
            won("a", 0, 10, 1), won("b", 6, 12, 2), attempt("c", 4, 14, 409, problem: "sold-out"),
            attempt("d", 9, 15, 409, problem: "sold-out"),
        ])
        let cut = fairness.cut
        #expect(cut?.lastPosition == 2)
        #expect(cut?.soldOutAfter == 8)
        #expect(cut?.missedIt == 1)
        #expect(cut?.largestLead == 2)
        #expect(cut?.wonAfter == 0)
        let restocked = Fairness([won("a", 0, 1, 1), attempt("c", 2, 3, 409, problem: "sold-out"), won("b", 6, 7, 2)])
        #expect(restocked.cut?.wonAfter == 1)
        #expect(restocked.cut?.soldOutAfter == -3)
    }

    @Test func `counts the purchases of the busiest second`() {
        let second = 1_000_000_000
        let fairness = Fairness(
            [0, second - 1, second, second + 1, 3 * second].map { won("b\($0)", $0, $0 + 1, $0 + 1) }
                + [attempt("j", second, second + 1, 201, position: 1, isJoin: true)])
        #expect(fairness.busiestSecond == 3)
        let edge = [0, 0, second - 1, second].enumerated().map { won("b\($0)", $1, $1 + 1, $0 + 1) }
        #expect(Fairness(edge).busiestSecond == 3)
    }

    @Test func `finds in thousands of random runs what comparing all pairs finds`() {
        var random = SeededRandom()
        for _ in 0..<300 {
            let count = Int.random(in: 1...12, using: &random)
            let positions = Array(1...count).shuffled(using: &random)
            let asked = (0..<count).map { $0 * 10 }.shuffled(using: &random)
            let attempts = (0..<count).map {
                won("b\($0)", asked[$0], asked[$0] + Int.random(in: 1...60, using: &random), positions[$0])
            }
            let fairness = Fairness(attempts)
            var inverted: Set<Int> = []
            var lead = 0
            for one in attempts {
                for other in attempts where other.position! > one.position! {
                    if other.responded! < one.invoked { inverted.insert(one.position!) }
                    lead = max(lead, one.invoked - other.invoked)
                }
            }
            #expect(Set(fairness.units.inversions.map(\.position)) == inverted, "seed \(random.seed)")
            #expect(fairness.units.largestLead == lead, "seed \(random.seed)")
        }
    }
}
