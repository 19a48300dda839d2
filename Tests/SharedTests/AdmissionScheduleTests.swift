import Shared
import TestSupport
import Testing

@Suite struct `An admission schedule` {
    private typealias Segment = AdmissionSchedule.Segment

    /// What a schedule should give, computed as plainly as possible: it counts, millisecond by millisecond.
    private struct Model {
        let schedule: AdmissionSchedule

        /// How many tickets a segment has admitted after `elapsed` milliseconds.
        private func count(_ segment: Segment, _ elapsed: Int) -> Int {
            segment.isPaused ? 0 : elapsed * segment.rate / 1000
        }

        func turn(of position: Int) -> AdmissionSchedule.Turn {
            var holder: Segment?
            for segment in schedule.segments where position > segment.after { holder = segment }
            guard let holder else { return .forgotten }
            if holder.isPaused { return .unknown }
            var elapsed = 0
            while count(holder, elapsed) < position - holder.after { elapsed += 1 }
            return .at(UnixMilliseconds(holder.from.value + elapsed))
        }

        func admitted(at now: UnixMilliseconds) -> Int {
            var admitted = schedule.segments[0].after
            while case .at(let time) = turn(of: admitted + 1), time <= now { admitted += 1 }
            return admitted
        }
    }

    /// A schedule of a few changes, each at the position that the segment before has reached by then.
    private func random(_ random: inout SeededRandom) -> AdmissionSchedule {
        var from = 1000
        var text = "1000 0 \(Int.random(in: 1...3000, using: &random))"
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            from += Int.random(in: 0...400, using: &random)
            let after = AdmissionSchedule(text)!.admitted(at: UnixMilliseconds(from))
            let paused = Int.random(in: 0..<4, using: &random) == 0 ? " paused" : ""
            text += ";\(from) \(after) \(Int.random(in: 1...3000, using: &random))\(paused)"
        }
        return AdmissionSchedule(text)!
    }

    @Test func `says of thousands of random ones what counting says`() {
        var seeded = SeededRandom()
        for _ in 0..<400 {
            let schedule = random(&seeded)
            let model = Model(schedule: schedule)
            for _ in 0..<5 {
                let position = Int.random(in: 1...1200, using: &seeded)
                #expect(
                    schedule.turn(of: position) == model.turn(of: position),
                    "seed \(seeded.seed), \(schedule.text), \(position)")
                let now = UnixMilliseconds(Int.random(in: 900...2000, using: &seeded))
                #expect(
                    schedule.admitted(at: now) == model.admitted(at: now),
                    "seed \(seeded.seed), \(schedule.text), \(now)")
            }
        }
    }

    @Test func `admits a ticket from its turn on, and not a millisecond before`() {
        var seeded = SeededRandom()
        for _ in 0..<2000 {
            let schedule = random(&seeded)
            let position = Int.random(in: 1...5000, using: &seeded)
            guard case .at(let turn) = schedule.turn(of: position) else { continue }
            #expect(schedule.admitted(at: turn) >= position, "seed \(seeded.seed)")
            #expect(schedule.admitted(at: UnixMilliseconds(turn.value - 1)) < position, "seed \(seeded.seed)")
        }
    }

    @Test func `lets later positions in later`() {
        var seeded = SeededRandom()
        for _ in 0..<200 {
            let schedule = random(&seeded)
            var last = 0
            for position in 1...300 {
                guard case .at(let turn) = schedule.turn(of: position) else { break }
                #expect(turn.value >= last, "seed \(seeded.seed), \(schedule.text)")
                last = turn.value
            }
        }
    }

    @Test func `spreads two thousand a second over the second`() {
        let schedule = AdmissionSchedule("10000 0 2000")!
        #expect(schedule.turn(of: 1) == .at(UnixMilliseconds(10_001)))
        #expect(schedule.turn(of: 2) == .at(UnixMilliseconds(10_001)))
        #expect(schedule.turn(of: 2000) == .at(UnixMilliseconds(11_000)))
        #expect(schedule.turn(of: 1_000_000) == .at(UnixMilliseconds(510_000)))
        #expect(schedule.admitted(at: UnixMilliseconds(9999)) == 0)
        #expect(schedule.admitted(at: UnixMilliseconds(10_000)) == 0)
    }

    @Test func `leaves turns that a change did not reach as they were`() {
        let before = AdmissionSchedule("1000 0 1000")!
        let after = AdmissionSchedule("1000 0 1000;1500 500 10")!
        for position in 1...500 { #expect(after.turn(of: position) == before.turn(of: position)) }
        #expect(after.turn(of: 501) == .at(UnixMilliseconds(1600)))
    }

    @Test func `has no turns while admission is paused, nor any that it dropped`() {
        let schedule = AdmissionSchedule("1000 40 10;2000 50 10 paused")!
        #expect(schedule.turn(of: 51) == .unknown)
        #expect(schedule.turn(of: 40) == .forgotten)
        #expect(schedule.admitted(at: UnixMilliseconds(900_000)) == 50)
    }

    @Test func `counts with the largest numbers that it accepts`() {
        for text in ["0 0 1000000", "100000000000000 1000000000000 1000000", "0 0 1"] {
            let schedule = AdmissionSchedule(text)!
            for position in [1, Limits.ticketPositionMax] { _ = schedule.turn(of: position) }
            for now in [0, 100_000_000_000_000] { #expect(schedule.admitted(at: UnixMilliseconds(now)) >= 0) }
        }
        let slow = AdmissionSchedule("0 0 1")!
        #expect(slow.turn(of: Limits.ticketPositionMax) == .at(UnixMilliseconds(Limits.ticketPositionMax * 1000)))
    }

    @Test(arguments: ["1000 0 1", "1000 0 2000;1500 1000 500", "0 0 1000000 paused", "5 7 3 paused;9 7 4"])
    func `is the text that it was read from`(_ text: String) { #expect(AdmissionSchedule(text)?.text == text) }

    @Test(arguments: [
        "", ";", "1000 0", "1000 0 0", "1000 0 1000001", "1000 0 10 stopped", "1000 0 10 paused more", "1000 0 10;",
        "-1 0 10", "1000  0 10", "1000 0 10;999 0 10", "1000 5 10;1000 4 10", "a 0 10", "1000 0 1.5",
        "100000000000001 0 1", "0 1000000000001 1",
        Array(repeating: "1000 0 10", count: 65).joined(separator: ";"),
    ])
    func `is not read from anything else`(_ text: String) { #expect(AdmissionSchedule(text) == nil) }
}
