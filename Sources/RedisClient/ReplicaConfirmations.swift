import Shared

extension AsyncRedis {
    /// Whether what an answer rests on is safe: on as many replicas as were asked for.
    package enum Confirmation: Equatable, Sendable {
        case confirmed
        /// Too few replicas had it in time: it is applied, and a failover may take it back.
        case missed
        /// The connection was lost meanwhile: whether it survives is not known.
        case lost
    }
}

/// Whether the replicas have what one connection's calls rest on.
///
/// One WAIT asks for all calls since the last: behind them on the same connection, it asks about everything that this
/// connection has seen.
final class ReplicaConfirmations {
    /// A call whose caller waits for the replicas.
    final class Call {
        private let confirmed: (AsyncRedis.Confirmation) -> Void
        /// To be set before anybody is told of the reply.
        var hasReply = false

        init(_ confirmed: @escaping (AsyncRedis.Confirmation) -> Void) { self.confirmed = confirmed }

        /// A call without a reply has failed, and whoever made it knows.
        fileprivate func become(_ confirmation: AsyncRedis.Confirmation) {
            if hasReply { confirmed(confirmation) }
        }
    }

    /// Milliseconds that a replica has to acknowledge: a tenth of the time in which a purchase is answered, and a
    /// thousand times what one that is well takes.
    private static let timeoutMilliseconds = 250
    /// WAITs under way, besides the one that asks whether the gate can be opened. Redis does nothing that is sent behind one
    /// until it is over, so a third would hold up what was decided by another 250 ms; without a second, an answer would wait
    /// for one more turn of the loop.
    private static let waitsMax = 2

    private let link: RedisLink
    private let replicas: Int
    private let tooFew: (Int) -> Void
    private let refused: (RedisError) -> Void
    private var ping = ByteBuffer(capacity: 32)
    private var wait = ByteBuffer(capacity: 64)
    /// Calls since the last WAIT was sent, whose answers must not leave the process before the next is over.
    private var calls: [Call] = []
    private var waits = 0

    /// - Parameters:
    ///   - replicas: how many must have what a call rests on.
    ///   - tooFew: is told how many have it instead, before the calls are.
    ///   - refused: is told why this server refuses to say, before the calls are: it has become a replica, or this user may
    ///     not ask.
    init(
        _ link: RedisLink, replicas: Int, tooFew: @escaping (Int) -> Void, refused: @escaping (RedisError) -> Void
    ) {
        self.link = link
        self.replicas = replicas
        self.tooFew = tooFew
        self.refused = refused
        ping.appendCommand(["PING"])
        wait.appendCommand(["WAIT", RedisArgument(replicas), RedisArgument(Self.timeoutMilliseconds)])
    }

    /// Takes a call that is handed over in this pass; `confirmed` is told after its reply, if it has one. nil where there is
    /// nobody to wait for, or to tell.
    func expect(_ confirmed: ((AsyncRedis.Confirmation) -> Void)?) -> Call? {
        guard replicas > 0, let confirmed else { return nil }
        let call = Call(confirmed)
        calls.append(call)
        return call
    }

    /// Sends a WAIT for the calls since the last, if there are any and it is their turn.
    func ask() {
        guard !calls.isEmpty, waits < Self.waitsMax, !link.isEnding else { return }
        let asked = calls
        calls = []
        waits += 1
        sendWait { [self] count in
            guard let count else { return asked.forEach { $0.become(.lost) } }
            waits -= 1
            if count < replicas { tooFew(count) }
            asked.forEach { $0.become(count < replicas ? .missed : .confirmed) }
        }
    }

    /// Asks how many replicas acknowledge, whether there are calls or not; `done` is not called where the connection ends.
    func probe(_ done: @escaping (Int) -> Void) {
        // A command first: WAIT asks about what the connection has seen, which may be nothing for a while.
        link.send(&ping, "PING") { _ in }
        sendWait { if let count = $0 { done(count) } }
    }

    /// Sends a WAIT; `done` is told how many replicas have it in time, be it fewer than were asked for, or nil where the
    /// connection was lost, or is given up because this server refuses to say.
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

    /// The connection has been closed: tells the calls that no WAIT was sent for.
    func lose() {
        let lost = calls
        calls = []
        lost.forEach { $0.become(.lost) }
    }
}
