import CLinux
package import EventLoop
import Glibc
package import Shared

/// Handles requests: answers at once, or keeps the exchange and answers in a later pass.
package protocol HTTPHandler: AnyObject {
    func handle(_ request: borrowing Request, _ exchange: Exchange)
}

/// A strict HTTP/1.1 server on the event loop.
///
/// What a pass receives is gathered in one buffer that all connections share, and parsed in place; only a request that
/// has not arrived whole is copied to its connection. Answers are composed one after the other in another shared
/// buffer, and sent at the very end of the pass: by then the pass has sent its own requests to other servers, which
/// work on them while the answers go out. So an idle connection holds no buffer, and in steady state no request
/// allocates.
package final class HTTPServer {
    let loop: EventLoop
    let limits: EdgeLimits
    /// Set with the first listener; before that, no request can arrive.
    unowned var handler: (any HTTPHandler)?
    package internal(set) var counters = EdgeCounters()

    var listeners: [Listener] = []
    var connections = ConnectionTable()
    /// The most connections that were open at once since memory was last given back.
    var peakOpen = 0
    /// Answered connections that have more input waiting.
    var resuming: [HTTPConnection] = []

    var parser: RequestParser
    private(set) var inbox: Inbox
    /// The bytes of the connection that is being parsed: what it holds is put at the front, and what was received
    /// follows. Nothing else may be written here, because other connections' bytes come next in the inbox.
    private(set) var message: UnsafeMutableRawBufferPointer
    private var writer = ResponseWriter()
    private var traces = TraceIDGenerator()
    /// Composed answers, in the order of the writer's output.
    private var outbox: [Outgoing] = []
    /// Set by `drain` and `retire`: every answer has `Connection: close`, and this runs when the last one has been
    /// sent.
    var whenDrained: (() -> Void)?
    /// Draining has closed the idle connections: one that becomes idle from now on is closed too.
    var idleAreClosed = false

    package init(loop: EventLoop, limits: EdgeLimits = EdgeLimits()) {
        self.loop = loop
        self.limits = limits
        parser = RequestParser(limits: limits)
        inbox = Inbox(messageBytes: limits.messageBytes)
        message = inbox.room
        loop.onEachPass(.received) { [weak self] in self?.processReceived() }
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

    /// Receives what a connection has sent; `processReceived` parses it.
    func receive(_ connection: HTTPConnection) {
        if inbox.isFull { processReceived() }
        if connection.state == .lingering { return discard(connection, inbox.room) }
        let held = connection.input.count
        // The longest message there may be. An incomplete one always has room for its rest, and what a client pipelines
        // after a request that is being handled never takes more.
        let room = limits.messageBytes - held
        guard room > 0 else { return watch(connection) }
        let count = recv(connection.descriptor, inbox.room.baseAddress! + held, room, 0)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { close(connection) }
            return
        }
        if count == 0 {
            connection.inputEnded = true
            // A client that only finished sending still gets its answer; one in the middle of a request has given up.
            if connection.state == .receiving { return close(connection) }
            return watch(connection)
        }
        inbox.add(connection, held: held, count: count)
    }

    /// Parses and handles what has been received, in the order in which it arrived.
    func processReceived() {
        for piece in inbox.pieces {
            message = inbox.message(of: piece)
            let connection = piece.connection
            switch connection.state {
            case .receiving: process(connection, received: piece.count)
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

    /// Handles a request if it is complete in what the connection holds and what was just received after it. `received`
    /// is 0 when an answer lets the connection continue with what it holds.
    func process(_ connection: HTTPConnection, received: Int) {
        let held = connection.input.count
        let total = held + received
        if connection.arriving.chunks != nil {
            return processRest(connection, from: continueChunked(connection, held: held, total: total), to: total)
        }
        if held > 0, received > 0 {
            // Until a line ends, the body is complete or a limit is reached, parsing again would find nothing new: the
            // head of a client that sends byte by byte is not parsed byte by byte.
            let fresh = UnsafeRawBufferPointer(rebasing: message[held..<total])
            let mayBeComplete =
                connection.arriving.messageBytes > 0
                ? total >= connection.arriving.messageBytes
                : fresh.contains(UInt8(ascii: "\n")) || limits.areReached(from: held, to: total)
            guard mayBeComplete else { return connection.keep(fresh) }
        }
        if held > 0 {
            connection.input.withUnsafeBytes { message.copyMemory(from: $0) }
            connection.input.release()
        }
        connection.arriving.messageBytes = 0
        processRest(connection, from: 0, to: total, continuing: held > 0 && received > 0)
    }

    /// Handles a request if it is complete in `message` from `first` to `total`, and keeps what follows it.
    ///
    /// - Parameter continuing: part of it was received in an earlier pass.
    private func processRest(_ connection: HTTPConnection, from first: Int, to total: Int, continuing: Bool = false) {
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
                awaitMore(connection, fresh: start > 0 || !continuing)
            }
        }
        watch(connection)
    }

    /// Takes one request from the front of `raw`, and returns how many bytes it had; 0 if it is not complete.
    private func takeRequest(_ connection: HTTPConnection, _ raw: UnsafeMutableRawBufferPointer) -> Int {
        let bytes = UnsafeBufferPointer(raw.assumingMemoryBound(to: UInt8.self)).span
        let outcome = parser.parse(bytes)
        switch outcome {
        case .incomplete: return 0
        case .refused(let problem):
            refuse(connection, problem, raw)
            return raw.count
        case .head(let head):
            if head.isChunked { return takeChunked(connection, head, raw) }
            guard head.messageBytes <= raw.count else {
                connection.arriving.messageBytes = head.messageBytes
                if head.expectsContinue, raw.count == head.bytes { sendContinue(connection) }
                return 0
            }
            counters.requests += 1
            dispatch(connection, head, bytes)
            return head.messageBytes
        }
    }

    /// Sends 100 (Continue) to a client that waits for it before it sends the body (RFC 9110 section 10.1.1).
    func sendContinue(_ connection: HTTPConnection) {
        let sent = send(connection.descriptor, continueLine.utf8Start, continueLine.utf8CodeUnitCount, noSignal)
        // If it can't be sent, we do without: the client sends its body after a while anyway. Half of it ends the
        // connection, because the rest would have to be sent before the next answer.
        if sent > 0, sent < continueLine.utf8CodeUnitCount { close(connection) }
    }

    /// Answers a message that is not a valid request; the connection is closed afterwards. The fields that the parser
    /// has got to, which are those of `raw`, may name a trace.
    func refuse(_ connection: HTTPConnection, _ problem: Problem, _ raw: UnsafeMutableRawBufferPointer) {
        counters.malformed += 1
        let trace = parser.fields.withUnsafeBufferPointer { fields in
            let bytes = UnsafeBufferPointer(raw.assumingMemoryBound(to: UInt8.self))
            return Request(RequestHead(), bytes: bytes.span, fields: fields.span).trace
        }
        respond(begin(connection, head: nil, trace: trace ?? traces.next()), problem)
    }

    func dispatch(_ connection: HTTPConnection, _ head: RequestHead, _ bytes: Span<UInt8>) {
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

    /// Answers an exchange. The answer is sent at the end of the current pass, or of the next one if none is running;
    /// if the client has gone, it is dropped.
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

    /// Sends the answers in the outbox. Nothing that this causes may answer an exchange.
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

    /// Sends a composed answer, as much of it as the socket takes.
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

    /// The answer has been sent: continues with the next request, or ends the connection.
    private func finish(_ connection: HTTPConnection) {
        let more = !connection.input.isEmpty
        // A promised keep-alive is kept until idle connections are closed.
        guard connection.current.keepAlive, more || !idleAreClosed else { return linger(connection) }
        connection.deadline = loop.now.advanced(milliseconds: limits.idleMilliseconds)
        if more || connection.inputEnded {
            resume(connection)
        } else {
            connection.state = .receiving
        }
        watch(connection)
    }

    /// Shuts down sending, and discards what still comes in until the client closes too.
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

    /// Watches for what the connection's state can use, and for nothing that would only wake the loop.
    private func watch(_ connection: HTTPConnection) {
        let wantsMore: Bool
        switch connection.state {
        case .receiving, .lingering: wantsMore = true
        // What is pipelined is read again once everything read before has been handled, not after each request.
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

/// An answer in the writer's output, which ends at `end`, and its connection.
private struct Outgoing {
    let connection: HTTPConnection
    let end: Int
}

/// Bytes of answers that may wait for the end of the pass: a whole batch, 512 answers of up to a kibibyte.
private let outboxBytes = 512 << 10

/// Makes sending to a client that has gone an error, not a signal to the process.
private let noSignal = Int32(MSG_NOSIGNAL)

private let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
