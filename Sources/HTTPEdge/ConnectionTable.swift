/// The open connections, each in a slot, and the serial number of each slot's current request.
///
/// A request is identified by slot and serial number. So an answer finds its connection without a search, and an answer
/// to a client that has gone finds none, even if another connection has the slot by then.
struct ConnectionTable {
    private var connections: [HTTPConnection?] = []
    private var serials: [UInt32] = []
    private var free: [UInt32] = []

    /// All slots, including empty ones. Connections may be closed while iterating over slots; with an iterator over the
    /// array, the first close would copy the array.
    var slots: Range<UInt32> { 0..<UInt32(connections.count) }

    subscript(slot: UInt32) -> HTTPConnection? { connections[Int(slot)] }

    /// The connection that waits for the answer to `exchange`; nil if it has gone.
    subscript(exchange: Exchange) -> HTTPConnection? {
        serials[Int(exchange.slot)] == exchange.serial ? connections[Int(exchange.slot)] : nil
    }

    mutating func insert(_ make: (_ slot: UInt32) -> HTTPConnection) -> HTTPConnection {
        let slot: UInt32
        if let recycled = free.popLast() {
            slot = recycled
        } else {
            slot = UInt32(connections.count)
            connections.append(nil)
            serials.append(0)
        }
        let connection = make(slot)
        connections[Int(slot)] = connection
        return connection
    }

    /// Frees a slot. Answers that its connection still waits for will be dropped.
    mutating func remove(_ slot: UInt32) {
        serials[Int(slot)] &+= 1
        connections[Int(slot)] = nil
        free.append(slot)
    }

    /// Assigns the serial number of a slot's next request.
    mutating func nextSerial(of slot: UInt32) -> UInt32 {
        serials[Int(slot)] &+= 1
        return serials[Int(slot)]
    }
}
