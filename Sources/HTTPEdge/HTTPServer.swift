import CLinux
package import EventLoop
import Glibc
package import Shared

/// Takes a request: answers it at once, or keeps the exchange and answers it in a later pass.
package protocol HTTPHandler: AnyObject {
    func handle(_ request: borrowing Request, _ exchange: Exchange)
}

/// What the server has seen, for /metrics.
package struct EdgeCounters {
    package var accepted = 0
    package var open = 0
    /// Closed at once because `EdgeLimits.connections` were open.
    package var overflowed = 0
    package var requests = 0
    /// Messages that were refused by the edge itself.
    package var malformed = 0
    package var timedOut = 0
}

/// A strict HTTP/1.1 server on the event loop.
///
/// Requests are parsed where they were received, in one buffer that all connections share; only a request that has not
/// arrived whole is copied to its connection. Answers are composed in shared buffers and sent at once. So an idle
/// connection holds no buffer, and in steady state no request allocates.
package final class HTTPServer {
    private static let acceptsPerPass = 256
    private static let sweepMilliseconds = 500
    private static let acceptPauseMilliseconds = 100
    /// What a client may send after its last answer before we stop listening.
    private static let lingerBytesMax = 1 << 20

    private let loop: EventLoop
    private let limits: EdgeLimits
    private unowned let handler: any HTTPHandler
    package private(set) var counters = EdgeCounters()

    private var listeners: [Listener] = []
    private var connections: [HTTPConnection?] = []
    /// Answered in this pass, with input waiting behind the answer.
    private var pipelined: [HTTPConnection] = []
    private var serials: [UInt32] = []
    private var freeSlots: [UInt32] = []

    private var parser: RequestParser
    private let scratch: UnsafeMutableRawBufferPointer
    private var writer = ResponseWriter()
    private var traces = TraceIDGenerator()
    /// Set by `drain`: every answer says `Connection: close`, and `whenDrained` runs when the last one is out.
    private var whenDrained: (() -> Void)?

    /// A server that hands requests to `handler`, which must outlive it.
    package init(loop: EventLoop, limits: EdgeLimits = EdgeLimits(), handler: any HTTPHandler) {
        self.loop = loop
        self.limits = limits
        self.handler = handler
        parser = RequestParser(limits: limits)
        scratch = .allocate(byteCount: limits.messageBytes, alignment: 16)
        sweep()
        loop.atEndOfPass { [weak self] in self?.resumePipelined() }
    }

    deinit { scratch.deallocate() }

    // MARK: Listening

    /// Serves the connections of a listening socket; the server owns it from here.
    package func serve(_ listener: Listener) throws(SystemError) {
        listener.server = self
        listener.registration = try loop.register(listener.descriptor, for: .readable, listener)
        listeners.append(listener)
    }

    func accept(_ listener: Listener) {
        for _ in 0..<Self.acceptsPerPass {
            let descriptor = CLinux_accept(listener.descriptor)
            if descriptor < 0 {
                let code = errno
                if code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM { pauseAccepting(listener) }
                return  // EAGAIN: none left; ECONNABORTED and the like: the client went away
            }
            counters.accepted += 1
            guard counters.open < limits.connections else {
                counters.overflowed += 1
                Glibc.close(descriptor)
                continue
            }
            open(descriptor)
        }
    }

    /// Out of descriptors: the waiting connection would make the listener ready for ever. Look again when some are free.
    private func pauseAccepting(_ listener: Listener) {
        guard let registration = listener.registration else { return }
        loop.update(registration, for: [])
        loop.schedule(afterMilliseconds: Self.acceptPauseMilliseconds) { [weak self, weak listener] in
            guard let self, let registration = listener?.registration else { return }
            loop.update(registration, for: .readable)
        }
    }

    private func open(_ descriptor: Int32) {
        var one: Int32 = 1
        // Fails on a Unix socket, which has no Nagle to turn off.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = UInt32(connections.count)
            connections.append(nil)
            serials.append(0)
        }
        let connection = HTTPConnection(descriptor, slot: slot, server: self)
        do {
            connection.registration = try loop.register(descriptor, for: .readable, connection)
        } catch {
            freeSlots.append(slot)
            Glibc.close(descriptor)
            return
        }
        connection.deadline = loop.now.advanced(milliseconds: limits.idleMilliseconds)
        connections[Int(slot)] = connection
        counters.open += 1
    }

    // MARK: Receiving

    func ready(_ connection: HTTPConnection, _ readiness: Readiness) {
        if !readiness.isDisjoint(with: .hangUp) { return close(connection) }
        if readiness.contains(.writable) { flush(connection) }
        if readiness.contains(.readable), connection.state != .closed { receive(connection) }
    }

    private func receive(_ connection: HTTPConnection) {
        let held = connection.input.count
        // The longest message there may be: what is incomplete always has room for its rest, and what a client pipelines
        // behind a request that is being handled never has more.
        let room = limits.messageBytes - held
        guard room > 0 else { return watch(connection) }
        let count = recv(connection.descriptor, scratch.baseAddress! + held, room, 0)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { close(connection) }
            return
        }
        if count == 0 {
            connection.inputEnded = true
            // A client that only stopped sending still gets its answer; one in mid-request has given up.
            if connection.state == .receiving || connection.state == .lingering { return close(connection) }
            return watch(connection)
        }
        switch connection.state {
        case .receiving: understand(connection, received: count)
        case .handling, .sending:
            connection.input.append(UnsafeRawBufferPointer(rebasing: scratch[held..<held + count]))
            watch(connection)
        case .lingering:
            connection.wanted += count
            if connection.wanted > Self.lingerBytesMax { close(connection) }
        case .closed: break
        }
    }

    /// Handles the requests that are complete in what was held and what has just been received behind it.
    private func understand(_ connection: HTTPConnection, received: Int) {
        let held = connection.input.count
        let total = held + received
        if held > 0, received > 0 {
            // Until the end of a line, of the body or of our patience there is nothing new to understand: a client
            // that sends byte by byte doesn't get its head read byte by byte.
            let news = UnsafeRawBufferPointer(rebasing: scratch[held..<total])
            let settled = connection.wanted > 0 ? total >= connection.wanted : news.contains(UInt8(ascii: "\n"))
            guard settled || total > limits.requestLineBytes else { return connection.input.append(news) }
        }
        if held > 0 {
            connection.input.withUnsafeBytes { scratch.copyMemory(from: $0) }
            connection.input.release()
        }
        connection.wanted = 0
        var start = 0
        while connection.state == .receiving, start < total {
            let taken = takeRequest(connection, UnsafeRawBufferPointer(rebasing: scratch[start..<total]))
            if taken == 0 { break }
            start += taken
        }
        guard connection.state != .closed, connection.state != .lingering else { return }
        if start < total {
            connection.input.append(UnsafeRawBufferPointer(rebasing: scratch[start..<total]))
            if connection.state == .receiving {
                if connection.inputEnded { return close(connection) }
                awaitMore(connection, fresh: start > 0 || held == 0)
            }
        }
        watch(connection)
    }

    /// Takes one request from the front of `raw`, and answers how many bytes it had; 0 where it is not complete.
    private func takeRequest(_ connection: HTTPConnection, _ raw: UnsafeRawBufferPointer) -> Int {
        let bytes = UnsafeBufferPointer(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: raw.count)
            .span
        let outcome = parser.parse(bytes)
        switch outcome {
        case .incomplete: return 0
        case .refused(let problem):
            counters.malformed += 1
            begin(connection, head: nil, trace: traces.next())
            respond(exchange(connection), problem)
            return raw.count
        case .head(let head):
            guard head.messageBytes <= raw.count else {
                connection.wanted = head.messageBytes
                if head.expectsContinue, !connection.continued, raw.count == head.bytes {
                    connection.continued = true
                    _ = send(
                        connection.descriptor, continueLine.utf8Start, continueLine.utf8CodeUnitCount, noSignal)
                }
                return 0
            }
            counters.requests += 1
            hand(connection, head, bytes)
            return head.messageBytes
        }
    }

    private func hand(_ connection: HTTPConnection, _ head: RequestHead, _ bytes: Span<UInt8>) {
        parser.fields.withUnsafeBufferPointer { fields in
            let request = Request(head, bytes: bytes, fields: fields.span)
            begin(connection, head: head, trace: request.trace ?? traces.next())
            handler.handle(request, exchange(connection))
        }
    }

    private func begin(_ connection: HTTPConnection, head: RequestHead?, trace: TraceID) {
        connection.state = .handling
        connection.deadline = nil
        connection.continued = false
        connection.trace = trace
        connection.isHead = head?.method == .head
        connection.isHTTP10 = head?.isHTTP10 ?? false
        connection.keepAlive = head?.keepAlive ?? false
        serials[Int(connection.slot)] &+= 1
    }

    private func exchange(_ connection: HTTPConnection) -> Exchange {
        Exchange(
            slot: connection.slot, serial: serials[Int(connection.slot)], trace: connection.trace, arrivedAt: loop.now)
    }

    private func awaitMore(_ connection: HTTPConnection, fresh: Bool) {
        if connection.wanted > 0 {
            connection.deadline = loop.now.advanced(milliseconds: limits.bodyMilliseconds)
        } else if fresh {
            connection.deadline = loop.now.advanced(milliseconds: limits.headMilliseconds)
        }
    }

    // MARK: Answering

    /// Answers an exchange; one whose client has gone is dropped.
    ///
    /// `headers` and `body` append to a buffer; they must not call the server.
    package func respond(
        _ exchange: Exchange, _ status: Status, _ contentType: ContentType = .json,
        headers: (inout ByteBuffer) -> Void, body: (inout ByteBuffer) -> Void
    ) {
        guard serials[Int(exchange.slot)] == exchange.serial, let connection = connections[Int(exchange.slot)] else {
            return
        }
        precondition(connection.state == .handling, "an exchange was answered twice")
        if whenDrained != nil { connection.keepAlive = false }
        writer.compose(
            status, contentType, trace: exchange.trace, persistence: persistence(connection),
            withoutBody: connection.isHead, headers: headers, body: body)
        deliver(connection)
    }

    private func persistence(_ connection: HTTPConnection) -> ResponseWriter.Persistence {
        if !connection.keepAlive { return .close }
        return connection.isHTTP10 ? .keepAlive : .implied
    }

    /// Sends the composed answer, as far as the socket takes it.
    private func deliver(_ connection: HTTPConnection) {
        let sent = writer.output.withUnsafeBytes { bytes in
            send(connection.descriptor, bytes.baseAddress, bytes.count, noSignal)
        }
        if sent == writer.output.count { return finish(connection) }
        if sent < 0, errno != EAGAIN, errno != EINTR { return close(connection) }
        writer.output.withUnsafeBytes {
            connection.output.append(UnsafeRawBufferPointer(rebasing: $0[max(sent, 0)...]))
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
        guard connection.keepAlive else { return linger(connection) }
        connection.state = .receiving
        connection.deadline = loop.now.advanced(milliseconds: limits.idleMilliseconds)
        if !connection.input.isEmpty {
            pipelined.append(connection)
        } else if connection.inputEnded {
            return close(connection)
        }
        watch(connection)
    }

    /// Goes on with the connections that were answered in this pass and have sent more already.
    ///
    /// At the end of the pass, because an answer may be given while another connection's bytes are in `scratch`.
    private func resumePipelined() {
        while let connection = pipelined.popLast() {
            if connection.state == .receiving { understand(connection, received: 0) }
        }
    }

    /// Says goodbye: no more is sent, and what still comes in is thrown away until the client closes too.
    private func linger(_ connection: HTTPConnection) {
        if connection.inputEnded { return close(connection) }
        shutdown(connection.descriptor, Int32(SHUT_WR))
        connection.state = .lingering
        connection.wanted = 0
        connection.input.release()
        connection.deadline = loop.now.advanced(milliseconds: limits.lingerMilliseconds)
        watch(connection)
    }

    private func close(_ connection: HTTPConnection) {
        guard connection.state != .closed else { return }
        connection.state = .closed
        if let registration = connection.registration { loop.deregister(registration) }
        Glibc.close(connection.descriptor)
        connection.input.release()
        connection.output.release()
        serials[Int(connection.slot)] &+= 1
        connections[Int(connection.slot)] = nil
        freeSlots.append(connection.slot)
        counters.open -= 1
        if counters.open == 0 { finishDraining() }
    }

    /// Watches for what the connection's state can use, and for nothing that would wake us in vain.
    private func watch(_ connection: HTTPConnection) {
        var interest: Readiness = []
        switch connection.state {
        case .receiving, .lingering: interest = .readable
        case .handling, .sending:
            if connection.input.count < limits.messageBytes { interest = .readable }
            if connection.state == .sending { interest.formUnion(.writable) }
        case .closed: return
        }
        if connection.inputEnded { interest.subtract(.readable) }
        guard interest != connection.interest, let registration = connection.registration else { return }
        connection.interest = interest
        loop.update(registration, for: interest)
    }

    // MARK: Time

    /// Closes what has waited too long. A sweep costs a look at each connection twice a second, a timer for each would
    /// cost two heap operations a request.
    private func sweep() {
        for connection in connections {
            guard let connection, let deadline = connection.deadline, deadline <= loop.now else { continue }
            if connection.state == .sending || !connection.input.isEmpty { counters.timedOut += 1 }
            close(connection)
        }
        loop.schedule(afterMilliseconds: Self.sweepMilliseconds) { [weak self] in self?.sweep() }
    }

    // MARK: Stopping

    /// Stops listening, closes idle connections, lets every request that is under way have its answer (which says
    /// `Connection: close`), and then calls `whenDrained`.
    package func drain(_ whenDrained: @escaping () -> Void) {
        self.whenDrained = whenDrained
        for listener in listeners { listener.stop(loop) }
        listeners = []
        for connection in connections {
            if let connection, connection.state == .receiving, connection.input.isEmpty { close(connection) }
        }
        if counters.open == 0 { finishDraining() }
    }

    private func finishDraining() {
        guard let done = whenDrained else { return }
        whenDrained = nil
        done()
    }
}

/// A client that has gone is an error of this send, not a signal to the process.
private let noSignal = Int32(MSG_NOSIGNAL)

private let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
