import EventLoop
import Shared

/// Requests with a chunked body. They take this path from the end of their head on; other requests never do.
extension HTTPServer {
    /// Takes a request with a chunked body from the front of `raw`, and returns how many bytes it took. If more is to
    /// come it takes all of them: the connection then holds the head, the body so far, and the decoder's state.
    func takeChunked(_ connection: HTTPConnection, _ head: RequestHead, _ raw: UnsafeMutableRawBufferPointer) -> Int {
        var chunks = ChunkedBody()
        switch decode(&chunks, raw, from: head.bytes) {
        case .refused(let problem): refuse(connection, problem, raw)
        case .complete(let end, let decoded):
            complete(connection, head, raw, bodyBytes: decoded)
            return end
        case .incomplete(let decoded):
            connection.arriving.chunks = chunks
            connection.keep(UnsafeRawBufferPointer(rebasing: raw[..<(head.bytes + decoded)]))
            // Set once for the whole body: pieces that trickle in don't extend it.
            connection.deadline = loop.now.advanced(milliseconds: limits.bodyMilliseconds)
            if head.expectsContinue, raw.count == head.bytes { sendContinue(connection) }
        }
        return raw.count
    }

    /// Continues a chunked body with the new bytes, from `held` to `total` in `message`. Returns where the body ended,
    /// or `total` if nothing is left to handle.
    func continueChunked(_ connection: HTTPConnection, held: Int, total: Int) -> Int {
        let received = UnsafeMutableRawBufferPointer(rebasing: message[..<total])
        switch decode(&connection.arriving.chunks!, received, from: held) {
        case .incomplete(let decoded):
            connection.keep(UnsafeRawBufferPointer(rebasing: message[held..<held + decoded]))
            return total
        case .refused(let problem):
            _ = reparseHead(connection)
            refuse(connection, problem, message)
            return total
        case .complete(let end, let decoded):
            // The last part of the body is already in place; `reparseHead` puts the rest in front of it.
            guard let head = reparseHead(connection) else {
                preconditionFailure("a head that was parsed before can't be parsed now")
            }
            complete(connection, head, message, bodyBytes: held - head.bytes + decoded)
            return end
        }
    }

    private func decode(
        _ chunks: inout ChunkedBody, _ raw: UnsafeMutableRawBufferPointer, from start: Int
    ) -> ChunkedBody.Step {
        var bytes = raw.assumingMemoryBound(to: UInt8.self).mutableSpan
        return chunks.decode(&bytes, from: start, limits: limits)
    }

    private func complete(
        _ connection: HTTPConnection, _ head: RequestHead, _ raw: UnsafeMutableRawBufferPointer, bodyBytes: Int
    ) {
        var head = head
        head.contentLength = bodyBytes
        counters.requests += 1
        dispatch(connection, head, UnsafeBufferPointer(raw.assumingMemoryBound(to: UInt8.self)).span)
    }

    /// Moves what the connection holds to the front of `message`, and parses its head again: the parser has parsed
    /// other heads since.
    private func reparseHead(_ connection: HTTPConnection) -> RequestHead? {
        connection.arriving.chunks = nil
        connection.input.withUnsafeBytes { message.copyMemory(from: $0) }
        let held = UnsafeBufferPointer(
            start: message.baseAddress?.assumingMemoryBound(to: UInt8.self), count: connection.input.count)
        connection.input.release()
        guard case .head(let head) = parser.parse(held.span) else { return nil }
        return head
    }
}
