import Shared

extension AsyncRedis {
    /// Whether what an answer rests on is safe: on as many replicas as required.
    package enum Confirmation: Equatable, Sendable {
        case confirmed
        /// Too few replicas had it in time: it has been applied, and a failover may take it back.
        case missed
        /// The connection was lost meanwhile: whether it survives is not known.
        case lost
    }
}

/// Whether the replicas have what one connection's calls rest on.
///
/// One WAIT confirms all calls since the last one: sent after them on the same connection, it asks about everything
/// that this connection has seen.
final class ReplicaConfirmations {
    /// A call whose caller waits for the replicas.
    final class Call {
        private let confirmed: (AsyncRedis.Confirmation) -> Void
        /// Set before the caller receives the reply.
        var hasReply = false

        init(_ confirmed: @escaping (AsyncRedis.Confirmation) -> Void) { self.confirmed = confirmed }

        /// Passes the confirmation on. A call without a reply has failed, which its caller knows already.
        fileprivate func resolve(_ confirmation: AsyncRedis.Confirmation) {
            if hasReply { confirmed(confirmation) }
        }
    }

    /// Milliseconds that a replica has to acknowledge: a tenth of the time in which a purchase is answered, and a
    /// thousand times what a healthy replica takes.
    private static let timeoutMilliseconds = 250
    /// WAITs under way, besides the one that asks whether the gate can be opened. Redis executes nothing that is sent
    /// after a WAIT until it is over, so a third would hold decided purchases up by another 250 ms. Without a second,
    /// an answer would wait for one more pass of the loop.
    private static let waitsMax = 2

    private let link: RedisLink
    private let replicas: Int
    private let tooFew: (Int) -> Void
    private let refused: (RedisError) -> Void
    private var ping = ByteBuffer(capacity: 32)
    private var wait = ByteBuffer(capacity: 64)
    /// Calls since the last WAIT was sent, whose answers must not leave the process before the next one is over.
    private var calls: [Call] = []
    private var waits = 0

    /// - Parameters:
    ///   - replicas: how many must have what a call rests on.
    ///   - tooFew: is called with how many have it instead, before the calls are resolved.
    ///   - refused: is called with the reason if this server refuses to say, before the calls are resolved: it has
    ///     become a replica, or this user may not ask.
    init(
        _ link: RedisLink, replicas: Int, tooFew: @escaping (Int) -> Void, refused: @escaping (RedisError) -> Void
    ) {
        self.link = link
        self.replicas = replicas
        self.tooFew = tooFew
        self.refused = refused
        ping.appendCommand(["PING"])
        wait.appendCommand(["WAIT", "\(replicas)", "\(Self.timeoutMilliseconds)"])
    }

    /// Takes a call that is handed over in this pass; `confirmed` is called after its reply, if it has one. nil if
    /// there is no replica to wait for, or nobody to call.
    func expect(_ confirmed: ((AsyncRedis.Confirmation) -> Void)?) -> Call? {
        guard replicas > 0, let confirmed else { return nil }
        let call = Call(confirmed)
        calls.append(call)
        return call
    }

    /// Sends a WAIT for the calls since the last one, if there are any and fewer than `waitsMax` are under way.
    func ask() {
        guard !calls.isEmpty, waits < Self.waitsMax, !link.isEnding else { return }
        let asked = calls
        calls = []
        waits += 1
        sendWait { [self] count in
            guard let count else { return asked.forEach { $0.resolve(.lost) } }
            waits -= 1
            if count < replicas { tooFew(count) }
            asked.forEach { $0.resolve(count < replicas ? .missed : .confirmed) }
        }
    }

    /// Asks how many replicas acknowledge, whether there are calls or not; `done` is not called if the connection ends.
    func probe(_ done: @escaping (Int) -> Void) {
        // A command comes first: WAIT asks about what the connection has seen, which may be nothing for a while.
        link.send(&ping, "PING") { _ in }
        sendWait { if let count = $0 { done(count) } }
    }

    /// Sends a WAIT. `done` is called with how many replicas acknowledge in time, even if those are too few; with nil
    /// if the connection was lost, or is given up because this server refuses to say.
    private func sendWait(_ done: @escaping (Int?) -> Void) {
        link.send(&wait, "WAIT") { [refused] answer in
            switch answer {
            case .reply(let value): done(value.integer ?? 0)
            case .failure(let error):
                if error.code != .connectionLost { refused(error) }
                done(nil)
            }
        }
    }

    /// The connection has been closed: resolves the calls for which no WAIT was sent.
    func connectionClosed() {
        let lost = calls
        calls = []
        lost.forEach { $0.resolve(.lost) }
    }
}
