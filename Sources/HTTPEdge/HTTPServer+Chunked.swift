import EventLoop
import Shared

/// Requests whose body comes in chunks. They take this way from the end of their head on; all others never see it.
extension HTTPServer {
    /// Takes a request with a chunked body from the front of `raw`, and answers how many bytes it had; all of them where
    /// more is to come: the connection then holds the head, the body so far, and where the decoder is.
    func takeChunked(_ connection: HTTPConnection, _ head: RequestHead, _ raw: UnsafeMutableRawBufferPointer) -> Int {
        var chunks = ChunkedBody()
        switch decode(&chunks, raw, from: head.bytes) {
        case .refused(let problem): refuse(connection, problem)
        case .complete(let end, let decoded):
            complete(connection, head, raw, bodyBytes: decoded)
            return end
        case .incomplete(let decoded):
            connection.arriving.chunks = chunks
            connection.keep(UnsafeRawBufferPointer(rebasing: raw[..<(head.bytes + decoded)]))
            // Once for the whole body: pieces that trickle in don't buy time.
            connection.deadline = loop.now.advanced(milliseconds: limits.bodyMilliseconds)
            if head.expectsContinue, raw.count == head.bytes { askForBody(connection) }
        }
        return raw.count
    }

    /// Goes on with a chunked body, the new bytes being in `message` from `held` to `total`; answers where it ended, or
    /// `total` where nothing is left to understand.
    func goOnWithChunks(_ connection: HTTPConnection, held: Int, total: Int) -> Int {
        let received = UnsafeMutableRawBufferPointer(rebasing: message[..<total])
        switch decode(&connection.arriving.chunks!, received, from: held) {
        case .incomplete(let decoded):
            connection.keep(UnsafeRawBufferPointer(rebasing: message[held..<held + decoded]))
            return total
        case .refused(let problem):
            _ = headAgain(connection)
            refuse(connection, problem)
            return total
        case .complete(let end, let decoded):
            // The body's last part stands where the rest of it is about to be put in front of it.
            guard let head = headAgain(connection) else { preconditionFailure("a head that was understood is not now") }
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
        hand(connection, head, UnsafeBufferPointer(raw.assumingMemoryBound(to: UInt8.self)).span)
    }

    /// Moves what the connection holds to the front of `message`, and reads the head in it again: the parser has seen
    /// others' heads since.
    private func headAgain(_ connection: HTTPConnection) -> RequestHead? {
        connection.arriving.chunks = nil
        connection.input.withUnsafeBytes { message.copyMemory(from: $0) }
        let held = UnsafeBufferPointer(
            start: message.baseAddress?.assumingMemoryBound(to: UInt8.self), count: connection.input.count)
        connection.input.release()
        guard case .head(let head) = parser.parse(held.span) else { return nil }
        return head
    }
}
