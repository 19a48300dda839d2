/// Why an entry can never be stored: trying again would not help.
package struct Rejection: Equatable, Sendable {
    package enum Reason: String, Sendable {
        /// It can't be understood.
        case malformed
        /// It contradicts what is stored, or would sell more than there is.
        case contradiction
        /// It belongs to a sale whose `create` event is not stored.
        case unknownSale = "unknown_sale"
        /// The database can't take it.
        case unstorable
        /// Storing it kills the worker.
        case crashesWorker = "crashes_worker"
    }

    /// The step at which an entry failed.
    package enum Stage: String, Sendable {
        /// Understanding its bytes.
        case decode
        /// Storing it.
        case apply
        /// It was delivered again and again, and no worker survived to say what became of it.
        case deliver
    }

    package let reason: Reason
    package let stage: Stage
    /// One sentence for the operator.
    package let message: String
    /// Whether the schema's guard of the stock refused it.
    package let isOversell: Bool

    init(_ reason: Reason, at stage: Stage = .apply, _ message: String, isOversell: Bool = false) {
        self.reason = reason
        self.stage = stage
        self.message = message
        self.isOversell = isOversell
    }
}

extension Rejection {
    /// The rejection of an entry that the database refuses.
    init(refusal error: StoreError, isOversell: Bool = false) {
        self.init(
            error.isConstraint ? .contradiction : .unstorable, "the database refuses it: \(error.message)",
            isOversell: isOversell)
    }
}
