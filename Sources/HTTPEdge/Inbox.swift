/// What has been received in a pass and is not understood yet: the pieces of all connections, one behind the other.
///
/// First everything is received, and then all of it understood: taking turns, the kernel's instructions and ours would throw
/// each other out of the core's first cache with every request, which costs 0.3 µs (docs/performance.md).
struct Inbox: ~Copyable {
    /// What one connection has sent.
    struct Piece {
        let connection: HTTPConnection
        /// Where what the connection holds already would stand, with what was received behind it.
        let start: Int
        /// Bytes received.
        let count: Int
    }

    /// Bytes for what a pass receives: 512 events of the loop at up to a kibibyte. More is understood in between.
    private static let bytes = 512 << 10
    /// Pieces begin at a line of the cache, so that no two share one.
    private static let alignment = 64

    private let memory: UnsafeMutableRawBufferPointer
    private let messageBytes: Int
    private var end = 0
    private(set) var pieces: [Piece] = []

    /// An empty inbox for pieces that have, with what their connection holds, up to `messageBytes`.
    init(messageBytes: Int) {
        self.messageBytes = messageBytes
        memory = .allocate(byteCount: Self.bytes + messageBytes, alignment: Self.alignment)
    }

    deinit { memory.deallocate() }

    /// Whether there is no room for another piece.
    var isFull: Bool { end > Self.bytes }

    /// Room for the next piece, and for what its connection holds in front of it.
    var room: UnsafeMutableRawBufferPointer { message(at: end) }

    /// A piece, with room for the longest message that it may be a part of.
    func message(of piece: Piece) -> UnsafeMutableRawBufferPointer { message(at: piece.start) }

    private func message(at start: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + messageBytes])
    }

    /// Keeps the `count` bytes that were received `held` bytes behind the front of `room`.
    mutating func add(_ connection: HTTPConnection, held: Int, count: Int) {
        pieces.append(Piece(connection: connection, start: end, count: count))
        end = (end + held + count + Self.alignment - 1) & ~(Self.alignment - 1)
    }

    mutating func removeAll() {
        pieces.removeAll(keepingCapacity: true)
        end = 0
    }
}
