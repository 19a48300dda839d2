import Shared

/// The head of a sale's ledger: its length, and the hash that covers all of it.
///
/// Each entry's hash is SHA-256 over the hash before it (32 bytes; zeros before the first) and the entry's canonical
/// form. Changing, swapping, dropping or adding an entry changes every hash after it.
package struct LedgerChain: Equatable, Sendable {
    package static let hashBytes = 32

    package private(set) var seq: Int
    package private(set) var hash: [UInt8]

    /// A ledger without entries.
    package init() { self.init(seq: 0, hash: Array(repeating: 0, count: Self.hashBytes)) }

    package init(seq: Int, hash: [UInt8]) {
        precondition(hash.count == Self.hashBytes, "a SHA-256 has 32 bytes")
        self.seq = seq
        self.hash = hash
    }

    /// Adds one entry.
    package mutating func extend(by entry: Span<UInt8>) {
        var covered = ByteBuffer(capacity: Self.hashBytes + entry.count)
        covered.append(hash.span)
        covered.append(entry)
        var digest = ByteBuffer(capacity: Self.hashBytes * 2)
        Crypto.appendSHA256(covered.bytes, to: &digest)
        hash = digest.withUnsafeBytes { Array($0) }
        seq += 1
    }
}
