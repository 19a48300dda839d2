/// How long buyers waited, according to their log. No promise is judged by these numbers: they are for people to read.
package struct AnswerTimes: Equatable, Sendable {
    /// The longest time from an attempt to its answer, be it 202 or 503. Nanoseconds.
    package private(set) var slowestAnswer = 0
    /// The longest time in which no buyer got a decision (201, 200, 409), from the first press on to the last answer.
    /// Nanoseconds.
    package private(set) var longestSilence = 0

    package init(_ attempts: [Attempt]) {
        guard let first = attempts.map(\.invoked).min(), let last = attempts.compactMap(\.responded).max()
        else { return }
        var decided = [first, last]
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
