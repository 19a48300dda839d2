import EventLoop
import Glibc
import Shared

/// Every attempt as a JSON line, on one monotonic clock: the history that `salectl check` reads.
///
/// An attempt without an answer has `resp_ns` null and status 0: whether it was decided is not known. `due_ns` is when
/// it should have been sent; if all connections were busy then, `inv_ns` is later. An attempt to join a waiting room
/// begins with `"kind":"join"`, and its position is that of the ticket. The last line has `"kind":"end"`, the sale, and
/// how many attempts there were: without it the log is not whole.
struct AttemptLog: ~Copyable {
    private static let chunkBytes = 1 << 20

    private let descriptor: Int32
    private var pending = ByteBuffer(capacity: 2 << 20)
    private var attempts = 0
    private(set) var failure: FileError?

    /// Opens the file, and leaves what is in it until the run begins.
    init(path: String) throws(FileError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError() }
    }

    /// Empties the file.
    mutating func begin() {
        // A pipe or a device has nothing to empty (EINVAL).
        if ftruncate(descriptor, 0) != 0, errno != EINVAL { failure = FileError() }
    }

    deinit { close(descriptor) }

    mutating func add(
        _ buyer: Int, isJoin: Bool, due: Instant, invoked: Instant, responded: Instant?, _ answer: Answer,
        problem: Span<UInt8>
    ) {
        attempts += 1
        pending.append(isJoin ? "{\"kind\":\"join\",\"due_ns\":" : "{\"due_ns\":")
        pending.append(decimal: Int(due.nanoseconds))
        pending.appendMember("inv_ns", Int(invoked.nanoseconds))
        pending.appendMember("resp_ns", responded.map { Int($0.nanoseconds) })
        pending.append(",\"buyer\":\"")
        Buyers.append(buyer: buyer, to: &pending)
        pending.append("\",\"key\":\"")
        Buyers.append(key: buyer, to: &pending)
        pending.append("\"")
        pending.appendMember("status", answer.status)
        pending.append(",\"problem\":")
        if problem.count > 0 {
            pending.append(json: problem)
        } else {
            pending.append("null")
        }
        pending.appendMember("position", answer.position > 0 ? answer.position : nil)
        pending.append("}\n")
        if pending.count >= Self.chunkBytes { flush() }
    }

    /// Nobody presses any more.
    mutating func end(_ sale: SaleID) {
        pending.append("{\"kind\":\"end\"")
        pending.appendMember("sale", sale)
        pending.appendMember("attempts", attempts)
        pending.append("}\n")
        flush()
    }

    private mutating func flush() {
        while !pending.isEmpty, failure == nil {
            let written = pending.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                failure = FileError()
            } else {
                pending.removeFirst(written)
            }
        }
    }
}
