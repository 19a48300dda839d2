/// Why an operation was refused. Nothing has been changed.
package struct OperationRefused: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// There is no such sale.
        case notFound
        /// The state of the sale does not allow it.
        case notAllowed
    }

    package let kind: Kind
    /// One sentence.
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
