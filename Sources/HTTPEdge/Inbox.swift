/// What has been received in a pass and is not understood yet: the pieces of all connections, one behind the other.
///
/// First everything is received, and then all of it understood: taking turns, the kernel's instructions and ours would throw
/// each other out of the core's first cache with every request (docs/performance.md, "Where it comes from").
struct Inbox: ~Copyable {
    /// What one connection has sent.
    struct Piece {
        let connection: HTTPConnection
        /// Where the room for what the connection holds already begins; what was received stands behind that.
        let start: Int
        /// Bytes received.
        let count: Int
    }

    /// Bytes for what a pass receives: 512 events of the loop at up to a kibibyte. More is understood in between.
    private static let bytes = 512 << 10

    private let memory: UnsafeMutableRawBufferPointer
    private let messageBytes: Int
    private var end = 0
    private(set) var pieces: [Piece] = []

    /// An empty inbox for pieces that have, with what their connection holds, up to `messageBytes`.
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

    /// The bytes that begin at a piece's start, as many as a message may have; behind the piece they are others'.
    func message(of piece: Piece) -> UnsafeMutableRawBufferPointer { message(at: piece.start) }

    private func message(at start: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + messageBytes])
    }

    /// Keeps the `count` bytes that were received `held` bytes behind the front of `room`.
    mutating func add(_ connection: HTTPConnection, held: Int, count: Int) {
        pieces.append(Piece(connection: connection, start: end, count: count))
        end += held + count
    }

    mutating func removeAll() {
        pieces.removeAll(keepingCapacity: true)
        end = 0
    }
}
