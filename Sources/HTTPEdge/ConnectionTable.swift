/// The open connections, each in a slot, and the number of the request that each slot is at.
///
/// A request is named by slot and number, so an answer finds its connection without a search, and one whose client has
/// gone finds none, though another connection may have the slot by now.
struct ConnectionTable {
    private var connections: [HTTPConnection?] = []
    private var serials: [UInt32] = []
    private var free: [UInt32] = []

    /// All slots, empty ones included. To go through them by slot lets connections be closed on the way; an iterator
    /// over the array would make the first of them copy it.
    var slots: Range<UInt32> { 0..<UInt32(connections.count) }

    subscript(slot: UInt32) -> HTTPConnection? { connections[Int(slot)] }

    /// The connection that waits for the answer to `exchange`; nil where it has gone.
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

    /// Frees a slot; what its connection still owes is dropped.
    mutating func remove(_ slot: UInt32) {
        serials[Int(slot)] &+= 1
        connections[Int(slot)] = nil
        free.append(slot)
    }

    /// Numbers the next request of a slot.
    mutating func nextSerial(of slot: UInt32) -> UInt32 {
        serials[Int(slot)] &+= 1
        return serials[Int(slot)]
    }
}
