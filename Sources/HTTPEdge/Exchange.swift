package import EventLoop
package import Shared

/// Identifies one request that is waiting for its answer. A handler may keep it and answer in any later pass.
///
/// It may outlive its connection: an answer to a client that has gone is dropped.
package struct Exchange: Sendable {
    let slot: UInt32
    /// Counts the requests of the slot, over all connections that have used it.
    let serial: UInt32
    /// The request's W3C trace-id: the client's own if it sent a valid one.
    package let trace: TraceID
    /// The loop's clock when the request was complete.
    package let arrivedAt: Instant
}
