package import EventLoop
package import Shared

/// The API's connection to Redis: made, checked, watched, and made again when it is lost.
///
/// Commands can be sent only while it is `ready`: nothing is queued for a Redis that isn't there, so a request that
/// arrives meanwhile is refused at once instead of hanging.
package final class AsyncRedis {
    package typealias Completion = (borrowing RedisAnswer) -> Void

    /// Whether what an answer rests on is safe: on as many replicas as were asked for.
    package enum Confirmation: Equatable, Sendable {
        case confirmed
        /// Too few replicas had it in time: it is applied, and a failover may take it back.
        case missed
        /// The connection was lost meanwhile: whether it survives is not known.
        case lost
    }

    package enum Status: Equatable {
        case ready(ServerFacts)
        /// Why not, as a phrase for logs and /readyz.
        case down(String)
    }

    /// Milliseconds for a connection and its handshake.
    private static let connectMilliseconds = 1000
    /// Milliseconds without any answer after which a connection counts as lost. Well below the 2.5 s in which a
    /// purchase is answered, so that its batch can be sent again on a new connection.
    private static let silenceMilliseconds = 1000
    private static let watchdogMilliseconds = 100
    /// Milliseconds that a replica has to acknowledge: a tenth of the time in which a purchase is answered, and a
    /// thousand times what one that is well takes.
    private static let confirmationMilliseconds = 250
    /// WAITs under way, besides the one that asks whether the gate can be opened. Redis does nothing that is sent behind one
    /// until it is over, so a third would hold up what was decided by another 250 ms; without a second, an answer would wait
    /// for one more turn of the loop.
    private static let waitsMax = 2
    /// Milliseconds that the gate is shut before the Sentinels are asked again.
    private static let gateMilliseconds = 1000

    private let endpoint: RedisEndpoint
    private let loop: EventLoop
    private let name: String
    private let replicas: Int
    private let refusal: (ServerFacts) -> String?
    private let changed: (Status) -> Void

    private var link: RedisLink?
    /// The server that `link` leads to.
    private var address: SocketAddress?
    private var query: SentinelQuery?
    private var sentinelWatch: SentinelWatch?
    /// Which Sentinel is asked first, in turn: one that is cut off with an old primary must not be asked for ever.
    private var firstSentinel = 0
    /// When the gate was shut.
    private var gateShutAt: Instant?
    /// Who is at the other end, once the handshake is done.
    private var facts: ServerFacts?
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var retry: TimerID?
    private var handshakeTimeout: TimerID?
    private var command = ByteBuffer(capacity: 65_536)
    /// Calls since the last WAIT was sent, whose answers must not leave the process before the next is over.
    private var unconfirmed: [Unconfirmed] = []
    private var waits = 0
    package private(set) var status = Status.down("not connected yet")
    /// Connections that were lost after they had been ready.
    package private(set) var losses = 0

    /// - Parameters:
    ///   - replicas: how many must have what `confirm` is asked about.
    ///   - refusal: judges a server by what it says of itself; a phrase where it must not be used.
    ///   - changed: is told of every change of `status`.
    package init(
        _ endpoint: RedisEndpoint, loop: EventLoop, name: String, replicas: Int = 0,
        refusal: @escaping (ServerFacts) -> String?, changed: @escaping (Status) -> Void
    ) {
        self.endpoint = endpoint
        self.loop = loop
        self.name = name
        self.replicas = PlantedBug.skipWait.isActive ? 0 : replicas
        self.refusal = refusal
        self.changed = changed
        loop.atEndOfPass { [weak self] in self?.flush() }
        watch()
    }

    /// Whether a command can be sent now.
    package var isReady: Bool {
        guard case .ready = status, let link else { return false }
        return !link.isEnding
    }

    /// The server's run_id; nil where there is none.
    package var runID: String? { if case .ready(let facts) = status { facts.runID } else { nil } }

    // MARK: Commands

    /// Sends a script call: by its SHA, and by its text where Redis doesn't know it. `isReady` must hold.
    ///
    /// - Parameter confirmed: is told, after a reply, whether what it rests on is safe. Nothing that depends on the reply
    ///   may leave the process before. It is not called after a failure. nil: nothing depends on the reply.
    package func run(
        _ call: ScriptCall, _ completion: @escaping Completion, confirmed: ((Confirmation) -> Void)? = nil
    ) {
        run(call, asText: false, completion, confirmed: confirmed)
    }

    private func run(
        _ call: ScriptCall, asText: Bool, _ completion: @escaping Completion, confirmed: ((Confirmation) -> Void)?
    ) {
        guard let link, isReady else { preconditionFailure("a command was sent while Redis is down") }
        call.compose(asText: asText, into: &command)
        let unconfirmed = confirmed.map { Unconfirmed($0) }
        link.send(&command, asText ? "EVAL" : "EVALSHA") { [weak self] answer in
            switch answer {
            case .failure(let error) where error.code == .noScript && self?.isReady == true:
                self?.run(call, asText: true, completion, confirmed: confirmed)
            case .failure: completion(answer)
            case .reply:
                unconfirmed?.hasReply = true
                completion(answer)
                if self?.replicas == 0 { unconfirmed?.become(.confirmed) }
            }
        }
        if replicas > 0, let unconfirmed { self.unconfirmed.append(unconfirmed) }
    }

    /// A call whose caller waits for the replicas.
    private final class Unconfirmed {
        private let confirmed: (Confirmation) -> Void
        var hasReply = false

        init(_ confirmed: @escaping (Confirmation) -> Void) { self.confirmed = confirmed }

        /// A call without a reply has failed, and whoever made it knows.
        func become(_ confirmation: Confirmation) {
            if hasReply { confirmed(confirmation) }
        }
    }

    /// Sends one WAIT for all calls since the last: behind them on the same connection, it asks about everything that this
    /// connection has seen.
    private func confirmCalls() {
        guard !unconfirmed.isEmpty, waits < Self.waitsMax, let link, !link.isEnding else { return }
        let calls = unconfirmed
        unconfirmed = []
        waits += 1
        askReplicas(link) { [weak self] count in
            guard let self, link === self.link, let count else { return calls.forEach { $0.become(.lost) } }
            waits -= 1
            if count < replicas { shutGate(link, acknowledged: count) }
            calls.forEach { $0.become(count < self.replicas ? .missed : .confirmed) }
        }
    }

    /// Sends a WAIT; `done` is told how many replicas have it in time, be it fewer than were asked for, or nil where the
    /// connection was lost, or is given up because this server refuses to say.
    private func askReplicas(_ link: RedisLink, _ done: @escaping (Int?) -> Void) {
        command.removeAll()
        command.appendCommand(["WAIT", RedisArgument(replicas), RedisArgument(Self.confirmationMilliseconds)])
        link.send(&command, "WAIT") { [weak self] answer in
            switch answer {
            case .reply(let value): done(value.integer ?? 0)
            case .failure(let error):
                // It has become a replica, or this user may not ask.
                if error.code != .connectionLost, link === self?.link { self?.fail(error.description) }
                done(nil)
            }
        }
    }

    /// Too few replicas acknowledge: nothing new is sent until they do again, so that not every batch waits in vain.
    private func shutGate(_ link: RedisLink, acknowledged count: Int) {
        guard case .ready = status, link === self.link else { return }
        gateShutAt = loop.now
        become(.down("\(count) of \(replicas) replicas acknowledge"))
        probe(link)
    }

    private func probe(_ link: RedisLink) {
        guard link === self.link, !link.isEnding, let facts else { return }
        // A command first: WAIT asks about what the connection has seen, which may be nothing for a while.
        command.removeAll()
        command.appendCommand(["PING"])
        link.send(&command, "PING") { _ in }
        askReplicas(link) { [weak self] count in
            guard let self, link === self.link, let count else { return }
            if count >= replicas { return becomeReady(facts) }
            let reason = "\(count) of \(replicas) replicas acknowledge"
            become(.down(reason))
            // There may be another primary by now, which this one has not heard of.
            if case .primary = endpoint.location, let gateShutAt,
                loop.now > gateShutAt.advanced(milliseconds: Self.gateMilliseconds)
            {
                backoff.reset()
                return fail(reason)
            }
            loop.schedule(afterMilliseconds: Self.watchdogMilliseconds) { [weak self] in self?.probe(link) }
        }
    }

    /// Sends a command. `isReady` must hold.
    package func send(_ arguments: [RedisArgument], _ operation: StaticString, _ completion: @escaping Completion) {
        guard let link, isReady else { preconditionFailure("a command was sent while Redis is down") }
        command.removeAll()
        command.appendCommand(arguments)
        link.send(&command, operation, completion)
    }

    /// Writes what has been sent in this pass, but not from within an answer. Called at the end of every pass anyway.
    package func flush() {
        confirmCalls()
        link?.flush()
    }

    // MARK: Connecting

    /// Connects now.
    package func connect() {
        switch endpoint.location {
        case .server(let address): connect(to: address)
        case .primary(let name, let sentinels):
            if sentinelWatch == nil {
                sentinelWatch = SentinelWatch(sentinels, name: name, loop: loop) { [weak self] in self?.announced($0) }
                sentinelWatch?.start()
            }
            let start = firstSentinel % sentinels.count
            firstSentinel += 1
            query = SentinelQuery(Array(sentinels[start...] + sentinels[..<start]), name: name, loop: loop) {
                [weak self] result in
                switch result {
                case .success(let address): self?.connect(to: address)
                case .failure(let error): self?.fail("no Sentinel names a primary: \(error)")
                }
            }
        }
    }

    private func connect(to address: SocketAddress) {
        self.address = address
        do throws(RedisError) {
            link = try RedisLink(
                address, loop: loop,
                connectEnded: { [weak self] error in
                    if let error { self?.fail(error.description) } else { self?.shakeHands() }
                },
                disconnected: { [weak self] error in self?.fail(error.description) })
            handshakeTimeout = loop.schedule(afterMilliseconds: Self.connectMilliseconds) { [weak self] in
                self?.fail("no answer to the handshake within \(Self.connectMilliseconds) ms")
            }
        } catch {
            fail(error.description)
        }
    }

    /// A Sentinel says that there is a new primary.
    private func announced(_ primary: SocketAddress) {
        guard primary != address else { return }
        backoff.reset()
        fail("\(primary) is the new primary")
    }

    /// Gives the connection up and makes a new one: it is not, or no longer, the Redis we want.
    package func reconnect(because reason: String) { fail(reason) }

    private func shakeHands() {
        guard let link else { return }
        Handshake.perform(
            on: link, endpoint, name: name,
            failed: { [weak self] in self?.fail($0) }, { [weak self] in self?.judge($0) })
    }

    private func judge(_ facts: ServerFacts) {
        let who = address.map(\.description) ?? "Redis"
        if facts.role != "master" { return fail("\(who) is a replica, not the primary") }
        if facts.isLoading { return fail("\(who) is loading its data") }
        if let reason = refusal(facts) { return fail(reason) }
        self.facts = facts
        if let handshakeTimeout { loop.cancel(handshakeTimeout) }
        guard replicas > 0, let link else { return becomeReady(facts) }
        // A primary that its replicas have left looks like any other until one is asked.
        gateShutAt = loop.now
        probe(link)
    }

    /// Ends the connection, if there is one, and sets out to make another.
    private func fail(_ reason: String) {
        if let handshakeTimeout { loop.cancel(handshakeTimeout) }
        if let retry { loop.cancel(retry) }
        if case .ready = status { losses += 1 }
        become(.down(reason))
        // Calls that are unanswered fail here, after the status says that there is nothing to resend them on.
        let ended = link
        let calls = unconfirmed
        link = nil
        facts = nil
        query = nil
        unconfirmed = []
        waits = 0
        ended?.close()
        calls.forEach { $0.become(.lost) }
        retry = loop.schedule(afterMilliseconds: backoff.next(using: &random)) { [weak self] in self?.connect() }
    }

    private func becomeReady(_ facts: ServerFacts) {
        backoff.reset()
        become(.ready(facts))
    }

    private func become(_ new: Status) {
        guard new != status else { return }
        status = new
        changed(new)
    }

    private func watch() {
        let silence = UInt64(Self.silenceMilliseconds) * 1_000_000
        if facts != nil, let link, link.unanswered > 0, loop.now.nanoseconds > link.lastProgress.nanoseconds + silence {
            fail("no answer within \(Self.silenceMilliseconds) ms")
        }
        loop.schedule(afterMilliseconds: Self.watchdogMilliseconds) { [weak self] in self?.watch() }
    }
}
