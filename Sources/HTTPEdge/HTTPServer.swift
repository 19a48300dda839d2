import CLinux
package import EventLoop
import Glibc
package import Shared

/// Takes a request: answers it at once, or keeps the exchange and answers it in a later pass.
package protocol HTTPHandler: AnyObject {
    func handle(_ request: borrowing Request, _ exchange: Exchange)
}

/// A strict HTTP/1.1 server on the event loop.
///
/// What a pass receives is gathered in one buffer that all connections share, and parsed where it stands; only a request that
/// has not arrived whole is copied to its connection. Answers are composed behind each other in another shared buffer, and leave
/// at the very end of the pass: what the pass asks of others is on its way by then, and they work on it while the answers go out.
/// So an idle connection holds no buffer, and in steady state no request allocates.
package final class HTTPServer {
    let loop: EventLoop
    let limits: EdgeLimits
    /// Given with the first listener; nil before, when nothing can be received yet.
    unowned var handler: (any HTTPHandler)?
    package internal(set) var counters = EdgeCounters()

    var listeners: [Listener] = []
    var connections = ConnectionTable()
    /// The most connections that were open since memory was given back.
    var openMost = 0
    /// Answered, and about to go on with what waits behind the answer.
    var resuming: [HTTPConnection] = []

    var parser: RequestParser
    private(set) var inbox: Inbox
    /// Where the connection whose turn it is to be understood has its bytes: what it holds is put at the front, what was received
    /// stands behind that. Nothing else may be written here: others' bytes come next in the inbox.
    private(set) var message: UnsafeMutableRawBufferPointer
    private var writer = ResponseWriter()
    private var traces = TraceIDGenerator()
    /// Answers that are composed, in the order in which they stand in the writer's output.
    private var outbox: [Outgoing] = []
    /// Set by `drain` and `retire`: every answer says `Connection: close`, and `whenDrained` runs when the last one is out.
    var whenDrained: (() -> Void)?
    /// Idle connections have been closed, to drain: one that becomes idle now has to end too.
    var idleAreClosed = false

    package init(loop: EventLoop, limits: EdgeLimits = EdgeLimits()) {
        self.loop = loop
        self.limits = limits
        parser = RequestParser(limits: limits)
        inbox = Inbox(messageBytes: limits.messageBytes)
        message = inbox.room
        loop.onEachPass(.received) { [weak self] in self?.understandReceived() }
        loop.onEachPass(.submitted) { [weak self] in self?.sendAnswers() }
        sweep()
    }

    deinit {
        whenDrained = nil
        stopListening()
        for slot in connections.slots { if let connection = connections[slot] { close(connection) } }
    }

    // MARK: Receiving

    func ready(_ connection: HTTPConnection, _ readiness: Readiness) {
        if readiness.hasHungUp { return close(connection) }
        if readiness.isWritable { flush(connection) }
        if readiness.isReadable, connection.state != .closed { receive(connection) }
    }

    /// Receives what a connection has sent; `understandReceived` makes something of it.
    func receive(_ connection: HTTPConnection) {
        if inbox.isFull { understandReceived() }
        if connection.state == .lingering { return discard(connection, inbox.room) }
        let held = connection.input.count
        // The longest message there may be: what is incomplete always has room for its rest, and what a client pipelines
        // behind a request that is being handled never has more.
        let room = limits.messageBytes - held
        guard room > 0 else { return watch(connection) }
        let count = recv(connection.descriptor, inbox.room.baseAddress! + held, room, 0)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { close(connection) }
            return
        }
        if count == 0 {
            connection.inputEnded = true
            // A client that only stopped sending still gets its answer; one in mid-request has given up.
            if connection.state == .receiving { return close(connection) }
            return watch(connection)
        }
        inbox.add(connection, held: held, count: count)
    }

    /// Makes something of what has been received, in the order in which it was.
    func understandReceived() {
        for piece in inbox.pieces {
            message = inbox.message(of: piece)
            let connection = piece.connection
            switch connection.state {
            case .receiving: understand(connection, received: piece.count)
            case .handling, .answered, .sending, .resuming:
                let held = connection.input.count
                connection.keep(UnsafeRawBufferPointer(rebasing: message[held..<held + piece.count]))
                watch(connection)
            case .lingering, .closed: break
            }
        }
        inbox.removeAll()
        message = inbox.room
    }

    /// Handles the request that is complete in what was held and what has just been received behind it; nothing was
    /// received where an answer lets the connection go on with what it holds.
    func understand(_ connection: HTTPConnection, received: Int) {
        let held = connection.input.count
        let total = held + received
        if connection.arriving.chunks != nil {
            return understandRest(connection, from: goOnWithChunks(connection, held: held, total: total), to: total)
        }
        if held > 0, received > 0 {
            // Until the end of a line, of the body or of a limit there is nothing new to understand: a client that
            // sends byte by byte doesn't get its head read byte by byte.
            let news = UnsafeRawBufferPointer(rebasing: message[held..<total])
            let settled =
                connection.arriving.messageBytes > 0
                ? total >= connection.arriving.messageBytes
                : news.contains(UInt8(ascii: "\n")) || limits.areReached(from: held, to: total)
            guard settled else { return connection.keep(news) }
        }
        if held > 0 {
            connection.input.withUnsafeBytes { message.copyMemory(from: $0) }
            connection.input.release()
        }
        connection.arriving.messageBytes = 0
        understandRest(connection, from: 0, to: total, goesOn: held > 0 && received > 0)
    }

    /// Handles the request that is complete in `message` from `first` to `total`, and keeps what is behind it; it `goesOn`
    /// where some of it had been received before.
    private func understandRest(_ connection: HTTPConnection, from first: Int, to total: Int, goesOn: Bool = false) {
        var start = first
        if connection.state == .receiving, start < total {
            start += takeRequest(connection, UnsafeMutableRawBufferPointer(rebasing: message[start..<total]))
        }
        guard connection.state != .closed, connection.state != .lingering else { return }
        if start < total { connection.keep(UnsafeRawBufferPointer(rebasing: message[start..<total])) }
        if connection.state == .receiving {
            if start > first, start < total {
                resume(connection)
            } else if connection.inputEnded {
                return close(connection)
            } else if start < total {
                awaitMore(connection, fresh: start > 0 || !goesOn)
            }
        }
        watch(connection)
    }

    /// Takes one request from the front of `raw`, and answers how many bytes it had; 0 where it is not complete.
    private func takeRequest(_ connection: HTTPConnection, _ raw: UnsafeMutableRawBufferPointer) -> Int {
        let bytes = UnsafeBufferPointer(raw.assumingMemoryBound(to: UInt8.self)).span
        let outcome = parser.parse(bytes)
        switch outcome {
        case .incomplete: return 0
        case .refused(let problem):
            refuse(connection, problem)
            return raw.count
        case .head(let head):
            if head.isChunked { return takeChunked(connection, head, raw) }
            guard head.messageBytes <= raw.count else {
                connection.arriving.messageBytes = head.messageBytes
                if head.expectsContinue, !connection.arriving.isContinued, raw.count == head.bytes {
                    askForBody(connection)
                }
                return 0
            }
            counters.requests += 1
            hand(connection, head, bytes)
            return head.messageBytes
        }
    }

    /// Asks for a body that waits to be asked for (RFC 9110 section 10.1.1).
    func askForBody(_ connection: HTTPConnection) {
        connection.arriving.isContinued = true
        let sent = send(connection.descriptor, continueLine.utf8Start, continueLine.utf8CodeUnitCount, noSignal)
        // One that can't be sent is done without: the client sends its body after a while. Half a one is the end, as the
        // rest would have to go out before the next answer.
        if sent > 0, sent < continueLine.utf8CodeUnitCount { close(connection) }
    }

    /// Answers what can't be a request; the connection is closed then.
    func refuse(_ connection: HTTPConnection, _ problem: Problem) {
        counters.malformed += 1
        respond(begin(connection, head: nil, trace: traces.next()), problem)
    }

    func hand(_ connection: HTTPConnection, _ head: RequestHead, _ bytes: Span<UInt8>) {
        guard let handler else { preconditionFailure("a request came in without a listener") }
        parser.fields.withUnsafeBufferPointer { fields in
            let request = Request(head, bytes: bytes, fields: fields.span)
            handler.handle(request, begin(connection, head: head, trace: request.trace ?? traces.next()))
        }
    }

    private func begin(_ connection: HTTPConnection, head: RequestHead?, trace: TraceID) -> Exchange {
        connection.state = .handling
        connection.deadline = nil
        connection.arriving = HTTPConnection.Arriving()
        connection.current = HTTPConnection.Current(
            isHead: parser.methodIsHead, isHTTP10: head?.isHTTP10 ?? false, keepAlive: head?.keepAlive ?? false)
        return Exchange(
            slot: connection.slot, serial: connections.nextSerial(of: connection.slot), trace: trace,
            arrivedAt: loop.now)
    }

    private func awaitMore(_ connection: HTTPConnection, fresh: Bool) {
        if connection.arriving.messageBytes > 0 {
            connection.deadline = loop.now.advanced(milliseconds: limits.bodyMilliseconds)
        } else if fresh {
            connection.deadline = loop.now.advanced(milliseconds: limits.headMilliseconds)
        }
    }

    // MARK: Answering

    /// Answers an exchange, at the end of this pass, or of the next one where none is under way; one whose client has gone is
    /// dropped.
    ///
    /// `headers` and `body` append to a buffer; they must not call the server.
    package func respond(
        _ exchange: Exchange, _ status: Status, _ contentType: ContentType = .json,
        headers: (inout ByteBuffer) -> Void, body: (inout ByteBuffer) -> Void
    ) {
        guard let connection = connections[exchange] else { return }
        precondition(connection.state == .handling, "an exchange was answered twice")
        if whenDrained != nil { connection.current.keepAlive = false }
        counters.responses.count(status)
        writer.compose(
            status, contentType, trace: exchange.trace, persistence: persistence(connection),
            withoutBody: connection.current.isHead, headers: headers, body: body)
        connection.state = .answered
        outbox.append(Outgoing(connection: connection, end: writer.output.count))
        if writer.output.count >= outboxBytes { sendAnswers() }
    }

    private func persistence(_ connection: HTTPConnection) -> ResponseWriter.Persistence {
        if !connection.current.keepAlive { return .close }
        return connection.current.isHTTP10 ? .keepAlive : .implied
    }

    /// Sends what is in the outbox. Nothing that it leads to answers anybody.
    private func sendAnswers() {
        guard !outbox.isEmpty else { return }
        let count = outbox.count
        var start = 0
        for answer in outbox {
            if answer.connection.state == .answered { deliver(answer.connection, start..<answer.end) }
            start = answer.end
        }
        precondition(outbox.count == count, "an answer was given while others are being sent")
        outbox.removeAll(keepingCapacity: true)
        writer.removeAll(keeping: 2 * outboxBytes)
    }

    /// Sends a composed answer, as far as the socket takes it.
    private func deliver(_ connection: HTTPConnection, _ range: Range<Int>) {
        let sent = writer.output.withUnsafeBytes { bytes in
            send(connection.descriptor, bytes.baseAddress! + range.lowerBound, range.count, noSignal)
        }
        if sent == range.count { return finish(connection) }
        if sent < 0, errno != EAGAIN, errno != EINTR { return close(connection) }
        writer.output.withUnsafeBytes {
            connection.output.append(UnsafeRawBufferPointer(rebasing: $0[range.dropFirst(max(sent, 0))]))
        }
        connection.state = .sending
        connection.deadline = loop.now.advanced(milliseconds: limits.writeMilliseconds)
        watch(connection)
    }

    private func flush(_ connection: HTTPConnection) {
        guard connection.state == .sending else { return }
        let sent = connection.output.withUnsafeBytes {
            send(connection.descriptor, $0.baseAddress, $0.count, noSignal)
        }
        if sent < 0 {
            if errno != EAGAIN && errno != EINTR { close(connection) }
            return
        }
        connection.output.removeFirst(sent)
        if connection.output.isEmpty {
            connection.output.release()
            finish(connection)
        }
    }

    /// The answer is out: on to the next request, or towards the end.
    private func finish(_ connection: HTTPConnection) {
        let more = !connection.input.isEmpty
        // Keep-alive that was promised is kept until idle connections are closed.
        guard connection.current.keepAlive, more || !idleAreClosed else { return linger(connection) }
        connection.deadline = loop.now.advanced(milliseconds: limits.idleMilliseconds)
        if more || connection.inputEnded {
            resume(connection)
        } else {
            connection.state = .receiving
        }
        watch(connection)
    }

    /// Says goodbye: no more is sent, and what still comes in is thrown away until the client closes too.
    private func linger(_ connection: HTTPConnection) {
        if connection.inputEnded { return close(connection) }
        shutdown(connection.descriptor, Int32(SHUT_WR))
        connection.state = .lingering
        connection.input.release()
        connection.deadline = loop.now.advanced(milliseconds: limits.lingerMilliseconds)
        watch(connection)
    }

    func close(_ connection: HTTPConnection) {
        guard connection.state != .closed else { return }
        connection.state = .closed
        if let registration = connection.registration { loop.deregister(registration) }
        Glibc.close(connection.descriptor)
        connection.input.release()
        connection.output.release()
        connections.remove(connection.slot)
        counters.open -= 1
        if counters.open == 0 { finishDraining() }
    }

    /// Watches for what the connection's state can use, and for nothing that would wake us in vain.
    private func watch(_ connection: HTTPConnection) {
        let wantsMore: Bool
        switch connection.state {
        case .receiving, .lingering: wantsMore = true
        // What is behind a request is read when what was read before it is done with: a piece at a time, and not a
        // request's worth whenever one is.
        case .handling, .answered, .sending, .resuming: wantsMore = connection.input.isEmpty
        case .closed: return
        }
        let interest = Readiness(
            readable: wantsMore && !connection.inputEnded, writable: connection.state == .sending)
        guard interest.rawValue != connection.interest.rawValue, let registration = connection.registration else {
            return
        }
        connection.interest = interest
        loop.update(registration, for: interest)
    }
}

/// An answer in the writer's output, up to `end`, and whose it is.
private struct Outgoing {
    let connection: HTTPConnection
    let end: Int
}

/// Bytes of answers that may wait for the end of the pass: those of a whole batch, 512 at up to a kibibyte.
private let outboxBytes = 512 << 10

/// A client that has gone is an error of this send, not a signal to the process.
private let noSignal = Int32(MSG_NOSIGNAL)

private let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
