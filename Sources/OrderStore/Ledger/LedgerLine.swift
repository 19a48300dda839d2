package import Shared

/// One entry of a sale's ledger, as it is published.
package struct LedgerLine: Equatable, Sendable {
    package let seq: Int
    /// The canonical form (docs/ledger.md), which the hash covers together with the hash before it.
    package let entry: String
    package let hash: [UInt8]

    package init(seq: Int, entry: String, hash: [UInt8]) {
        self.seq = seq
        self.entry = entry
        self.hash = hash
    }

    /// Appends the published line: the entry, with its hash as the last member.
    package func append(to text: inout ByteBuffer) {
        entry.withBytes { text.append($0.extracting(0..<$0.count - 1)) }
        text.append(",\"hash\":\"")
        text.append(hex: hash.span)
        text.append("\"}\n")
    }
}
