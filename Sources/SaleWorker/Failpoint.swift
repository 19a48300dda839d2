import Glibc

/// A step at which the worker kills itself with SIGKILL: how tests prove that it may die at any of them.
struct Failpoint {
    enum Step: String, CaseIterable {
        /// Entries have been delivered, nothing is stored.
        case afterRead = "after_read"
        /// Everything is written, nothing is committed.
        case beforeCommit = "before_commit"
        case afterCommit = "after_commit"
        /// A dead letter is recorded in SQLite and still pending in Redis.
        case beforeDeadLetter = "before_dead_letter"
        case afterDeadLetter = "after_dead_letter"
        /// Entries are acknowledged.
        case afterSettle = "after_settle"
    }

    let step: Step
    /// Which passage of the step it is.
    private(set) var countdown: Int

    /// Reads `step` or `step:N`, the Nth time the step is reached.
    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let step = Step(rawValue: String(parts[0])) else { return nil }
        self.step = step
        guard parts.count == 2 else {
            countdown = 1
            return
        }
        guard let number = Int(parts[1]), number >= 1 else { return nil }
        countdown = number
    }

    /// The worker has reached `step`.
    mutating func reached(_ step: Step) {
        guard step == self.step else { return }
        countdown -= 1
        if countdown == 0 { kill(getpid(), SIGKILL) }
    }
}
