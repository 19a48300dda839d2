/// What has been received in a pass and not parsed yet: the pieces of all connections, one after the other.
///
/// Everything is received first, and then all of it is parsed. If the two alternated, the kernel's instructions and
/// ours would evict each other from the core's first-level cache with every request (docs/performance.md, "Where it
/// comes from").
struct Inbox: ~Copyable {
    /// What one connection has sent.
    struct Piece {
        let connection: HTTPConnection
        /// Where the room for what the connection already holds begins; what was received follows it.
        let start: Int
        /// Bytes received.
        let count: Int
    }

    /// Bytes for what a pass receives: 512 events of the loop at up to a kibibyte. If more comes, what is there is
    /// parsed first.
    private static let bytes = 512 << 10

    private let memory: UnsafeMutableRawBufferPointer
    private let messageBytes: Int
    private var end = 0
    private(set) var pieces: [Piece] = []

    /// An empty inbox for pieces of up to `messageBytes`, including what their connection holds.
    init(messageBytes: Int) {
        self.messageBytes = messageBytes
        memory = .allocate(byteCount: Self.bytes + messageBytes, alignment: 16)
    }

    deinit { memory.deallocate() }

    var isEmpty: Bool { pieces.isEmpty }

    /// Whether there is no room for another piece.
    var isFull: Bool { end > Self.bytes }

    /// Room for the next piece, and for what its connection holds in front of it.
    var room: UnsafeMutableRawBufferPointer { message(at: end) }

    /// As many bytes as a message may have, from a piece's start on; those after the piece belong to others.
    func message(of piece: Piece) -> UnsafeMutableRawBufferPointer { message(at: piece.start) }

    private func message(at start: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + messageBytes])
    }

    /// Keeps the `count` bytes that were received into `room`, `held` bytes after its start.
    mutating func add(_ connection: HTTPConnection, held: Int, count: Int) {
        pieces.append(Piece(connection: connection, start: end, count: count))
        end += held + count
    }

    mutating func removeAll() {
        pieces.removeAll(keepingCapacity: true)
        end = 0
    }
}
