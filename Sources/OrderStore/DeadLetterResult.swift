/// What became of one dead letter that was to be redriven or discarded.
package struct DeadLetterResult: Equatable, Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// It is stored now.
        case applied
        /// Its content was stored already.
        case alreadyThere = "already_there"
        case failedAgain = "failed_again"
        case discarded
        /// It had been redriven or discarded before.
        case skipped
        /// There is no such dead letter.
        case unknown
    }

    package var id: String
    package var outcome: Outcome
    /// Why, if the outcome needs a sentence.
    package var message: String
    /// What had been decided before, if it was skipped.
    package var resolution: DeadLetter.Resolution?

    package init(id: String, outcome: Outcome, message: String = "", resolution: DeadLetter.Resolution? = nil) {
        self.id = id
        self.outcome = outcome
        self.message = message
        self.resolution = resolution
    }

    /// Whether its content is stored, now or since before.
    package var isStored: Bool { [.applied, .alreadyThere].contains(outcome) || resolution == .redriven }

    /// Whether it was discarded, now or before.
    package var isDiscarded: Bool { outcome == .discarded || resolution == .discarded }
}
