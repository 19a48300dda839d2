import Glibc
import OrderStore

/// A step at which the worker kills itself with SIGKILL, so that tests can prove that it may die at any step.
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
        case afterAcknowledge = "after_acknowledge"
    }

    private let step: Step?
    /// How many times the step must still be reached.
    private var countdown = 0
    /// The worker kills itself every time it stores an entry that has this value in a field.
    private var poison: [UInt8]?

    /// Reads `step`, `step:N` for the Nth time the step is reached, or `entry:VALUE` for every time an entry with that
    /// value is written and nothing is committed.
    init?(_ text: String) {
        if text.hasPrefix("entry:") {
            step = nil
            poison = Array(text.dropFirst(6).utf8)
            return
        }
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

    /// The worker has written `entries`, and nothing is committed.
    func stored(_ entries: @autoclosure () -> [StreamEntry]) {
        guard let poison, entries().contains(where: { $0.fields?.words.contains(poison) == true }) else { return }
        kill(getpid(), SIGKILL)
    }
}
