import EventLoop
import Glibc
import Shared

/// One keep-alive connection of the load client, with at most one press in flight.
final class ClientConnection: EventHandler {
    enum State {
        case closed
        case connecting
        case idle
        /// A buyer is waiting for its answer.
        case busy
    }

    let index: Int
    let target: Options.Target
    private let source: SocketAddress?
    private let loop: EventLoop
    /// Both live until the process ends. A weak or unowned reference would cost a slower reference count at every
    /// answer.
    private let owner: Stampede

    private(set) var state = State.closed
    /// Index in the owner's list of idle connections; nil while it isn't in there.
    var idleIndex: Int?
    private var descriptor: Int32 = -1
    private var registration: EventLoop.Registration?
    /// Bytes of an incomplete response, and of a request that the socket has not taken yet.
    private var received = ByteBuffer(capacity: 0)
    private var unsent = ByteBuffer(capacity: 0)
    private var failures = 0

    // The press in flight.
    private(set) var buyer = 0
    private(set) var isJoin = false
    /// When it should have been sent.
    private(set) var due = Instant(nanoseconds: 0)
    /// When it was sent; before the first press, when the connection was opened.
    private(set) var invoked = Instant(nanoseconds: 0)

    init(index: Int, target: Options.Target, source: SocketAddress?, loop: EventLoop, owner: Stampede) {
        self.index = index
        self.target = target
        self.source = source
        self.loop = loop
        self.owner = owner
    }

    // MARK: Connecting

    func connect() {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(target.address.family, type, 0)
        guard descriptor >= 0 else { return reconnectLater() }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        // From another address it would be another client.
        if let source, source.withSockaddr({ bind(descriptor, $0, $1) }) != 0 {
            return failToConnect(SystemError("bind to \(source)"))
        }
        let code = target.address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
        guard code == 0 || errno == EINPROGRESS else { return failToConnect(errno) }
        do {
            registration = try loop.register(descriptor, for: code == 0 ? .readable : .writable, self)
        } catch {
            return fail()
        }
        state = .connecting
        if code == 0 { established() }
    }

    private func established() {
        failures = 0
        state = .idle
        invoked = loop.now
        if let registration { loop.update(registration, for: .readable) }
        owner.idle(self)
    }

    private func failToConnect(_ code: Int32) {
        failToConnect(SystemError("connect to \(target.address)", code: code))
    }

    private func failToConnect(_ error: SystemError) {
        owner.connectFailure = error
        fail()
    }

    /// The connection is gone, or of no use after an answer that is `malformed`; a press in flight has no answer.
    private func fail(malformed: Bool = false) {
        let before = state
        disconnect()
        owner.failed(self, wasBusy: before == .busy, malformed: malformed)
        if before == .idle { owner.noLongerIdle(self) }
        reconnectLater()
    }

    private func disconnect() {
        if let registration { loop.deregister(registration) }
        registration = nil
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        state = .closed
        received.removeAll()
        unsent.removeAll()
    }

    /// Tries again after 10 ms, doubling up to 320 ms. A restarted process is back within that.
    private func reconnectLater() {
        failures = min(failures + 1, 6)
        loop.schedule(afterMilliseconds: 5 << failures) { [self] in
            if state == .closed { connect() }
        }
    }

    /// Gives up on the pending answer.
    func abandon() { fail() }

    /// Reopens an idle connection: the server closes it eventually, perhaps at the moment of a press.
    func renew() {
        guard state == .idle else { return }
        owner.noLongerIdle(self)
        disconnect()
        connect()
    }

    // MARK: Pressing

    /// Sends a press, or a join; the connection must be idle.
    func press(_ buyer: Int, isJoin: Bool, _ request: UnsafeRawBufferPointer, due: Instant, at now: Instant) {
        precondition(state == .idle, "a press on a connection that is not idle")
        self.buyer = buyer
        self.isJoin = isJoin
        self.due = due
        state = .busy
        invoked = now
        let sent = send(descriptor, request.baseAddress, request.count, Int32(MSG_NOSIGNAL))
        if sent == request.count { return }
        if sent < 0, errno != EAGAIN { return fail() }
        unsent.append(UnsafeRawBufferPointer(rebasing: request[max(0, sent)...]))
        if let registration { loop.update(registration, for: [.readable, .writable]) }
    }

    func ready(_ readiness: Readiness) {
        if state == .connecting {
            var code: Int32 = 0
            var length = socklen_t(4)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
            return code == 0 ? established() : failToConnect(code)
        }
        if !unsent.isEmpty, readiness.isWritable { sendRest() }
        if readiness.isReadable || readiness.hasHungUp, state != .closed { receive() }
    }

    private func sendRest() {
        let sent = unsent.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if sent < 0 { return errno == EAGAIN ? () : fail() }
        unsent.removeFirst(sent)
        if unsent.isEmpty, let registration { loop.update(registration, for: .readable) }
    }

    private func receive() {
        let room = owner.scratch
        let held = received.count
        if held > 0 { received.withUnsafeBytes { room.copyMemory(from: $0) } }
        let count = recv(descriptor, room.baseAddress! + held, room.count - held, 0)
        if count < 0 { return errno == EAGAIN ? () : fail() }
        // The server closed the connection. It may while the connection is idle; during a press it has lost the press.
        guard count > 0 else { return fail() }
        guard state == .busy else { return fail(malformed: true) }  // an answer that nobody has asked for
        if held > 0 { received.removeAll() }
        let bytes = UnsafeBufferPointer(
            start: room.baseAddress!.assumingMemoryBound(to: UInt8.self), count: held + count
        ).span
        let outcome = ResponseReader.read(bytes)
        switch outcome {
        case .incomplete:
            guard held + count < room.count else { return fail(malformed: true) }
            received.append(bytes)
        case .malformed: fail(malformed: true)
        case .answer(let answer) where answer.bytes != bytes.count: fail(malformed: true)  // more than one answer
        case .answer(let answer):
            state = .idle
            owner.answered(self, answer, bytes)
            if answer.closes {
                disconnect()
                connect()
            } else {
                owner.idle(self)
            }
        }
    }
}
