extension Span<UInt8> {
    /// A buyer's place in this process' tables. Keyed by the process' own seed, so that nobody can choose buyers that meet in one
    /// place. Never 0.
    var buyerHash: UInt64 {
        var hasher = Hasher()
        withUnsafeBytes { hasher.combine(bytes: $0) }
        return UInt64(bitPattern: Int64(hasher.finalize())) | 1
    }
}
