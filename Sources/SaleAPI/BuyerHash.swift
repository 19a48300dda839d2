extension Span<UInt8> {
    /// A buyer's hash in this process' tables. It is keyed by the process' own seed, so that nobody can choose buyers
    /// that collide. Never 0.
    var buyerHash: UInt64 {
        var hasher = Hasher()
        withUnsafeBytes { hasher.combine(bytes: $0) }
        return UInt64(bitPattern: Int64(hasher.finalize())) | 1
    }
}
