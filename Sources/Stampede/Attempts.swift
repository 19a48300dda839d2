/// How many times the buyers of a run have pressed, joins included, and what got no answer.
struct Attempts: Equatable {
    var sent = 0
    /// The connection was lost, or silent for too long.
    var lost = 0
    /// Answers that can't be read, or that nobody has asked for.
    var malformed = 0
}
