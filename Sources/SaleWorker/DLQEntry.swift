import OrderStore
import RedisClient
import Shared

/// An entry of a sale's dlq stream: fields of ours, named `dlq_…`, and after them the original entry's own, byte for
/// byte.
struct DLQEntry {
    /// Fields and values of an entry that are passed to deadletter.lua one by one; Lua's stack holds 8000 words
    /// (LUAI_MAXCSTACK). An entry with more is packed into one field, as the RESP array that it was.
    private static let wordsMax = 7000

    let entry: StreamEntry
    let rejection: Rejection
    let attempts: Int
    let worker: String
    let recordedAt: UnixMilliseconds

    /// The fields in XADD's order.
    var arguments: [RedisArgument] {
        let ours: [RedisArgument] = [
            "dlq_id", "\(entry.id)", "dlq_reason", "\(rejection.reason.rawValue)",
            "dlq_message", "\(rejection.message)", "dlq_attempts", "\(attempts)",
            "dlq_worker", "\(worker)", "dlq_release", "\(Release.version)",
            "dlq_at_ms", "\(recordedAt.value)",
        ]
        guard let theirs = entry.fields else { return ours }
        if theirs.words.count <= Self.wordsMax { return ours + theirs.words.map { RedisArgument($0) } }
        return ours + ["dlq_packed", RedisArgument(theirs.packed)]
    }
}
