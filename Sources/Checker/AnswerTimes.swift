/// How long buyers waited, as their log tells it. No promise is judged by these: they are for people to read.
package struct AnswerTimes: Equatable, Sendable {
    /// The longest time from one press to its answer, be it 202 or 503. Nanoseconds.
    package private(set) var slowestAnswer = 0
    /// The longest time in which nobody was told a decision (201, 200, 409), between two who were. Nanoseconds.
    package private(set) var longestSilence = 0

    package init(_ attempts: [Attempt]) {
        var decided: [Int] = []
        for attempt in attempts {
            guard let responded = attempt.responded else { continue }
            slowestAnswer = max(slowestAnswer, responded - attempt.invoked)
            if attempt.won || attempt.status == 409 { decided.append(responded) }
        }
        decided.sort()
        for (earlier, later) in zip(decided, decided.dropFirst()) {
            longestSilence = max(longestSilence, later - earlier)
        }
    }
}
