package import EventLoop
package import Shared

/// The API's connection to Redis: made, checked, watched, and made again when it is lost.
///
/// Commands can be sent only while it is `ready`: nothing is queued for a Redis that isn't there, so a request that
/// arrives meanwhile is refused at once instead of hanging.
///
/// All callbacks, for changes, answers and confirmations, may call it: its state has changed before they are called.
package final class AsyncRedis {
    package typealias Completion = (borrowing RedisAnswer) -> Void

    package enum Status: Equatable {
        case ready(ServerFacts)
        /// Why not, as a phrase for logs and /readyz.
        case down(String)
    }

    /// The stage of the connection. There is at most one link: `fail` removes it from here and closes it, and a closed
    /// link only fails its calls. So every reply comes from the link that is here.
    private enum Stage {
        /// `connect` has not been called.
        case new
        /// There is no connection; the next attempt comes when the timer fires.
        case waiting(TimerID)
        /// The Sentinels are asked where the primary is.
        case searching(SentinelSurvey)
        /// The connection is being made and the server asked what it is, until the timer fires.
        case greeting(RedisLink, timeout: TimerID)
        /// The server may be used if the Sentinels still name it, now that it has answered.
        case vouching(RedisLink, SentinelSurvey)
        /// The server may be used, but too few replicas acknowledge, or how many do is not known yet. The gate has been
        /// shut since then: nothing new is sent, and the replicas are asked until enough of them acknowledge.
        case probing(Session, since: Instant)
        /// Commands can be sent.
        case ready(Session)
    }

    /// A connection to a server that has said what it is, and may be used.
    private final class Session {
        let link: RedisLink
        let facts: ServerFacts
        let confirmations: ReplicaConfirmations
        /// How many replicas Redis had heard from when it was last looked at. With too few it refuses every write, even
        /// if all acknowledge, as one does that has just come back.
        var goodReplicas: Int?

        init(_ link: RedisLink, _ facts: ServerFacts, _ confirmations: ReplicaConfirmations) {
            self.link = link
            self.facts = facts
            self.confirmations = confirmations
            goodReplicas = facts.goodReplicas
        }
    }

    /// Milliseconds for a connection and its handshake.
    private static let connectMilliseconds = 1000
    /// Milliseconds without any answer, counted in looks, after which a connection counts as lost: well below the 2.5 s
    /// in which a purchase is answered, so that its batch can be sent again on a new connection.
    private static let silenceMilliseconds = 1000
    private static let watchdogMilliseconds = 100
    /// Milliseconds after which a shut gate makes us ask the Sentinels again.
    private static let gateMilliseconds = 1000
    /// Milliseconds between two inspections of a server that is used.
    private static let inspectionMilliseconds = 1000

    private let endpoint: RedisEndpoint
    private let loop: EventLoop
    private let name: String
    private let replicas: Int
    private let refusal: (ServerFacts) -> String?
    private let changed: (Status) -> Void

    private var stage = Stage.new
    /// Why it is not ready, if it isn't.
    private var reason = "not connected yet"
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var sentinelWatch: SentinelWatch?
    /// The server that was tried last: hearing that it is the new primary is no news.
    private var triedLast: SocketAddress?
    private var command = ByteBuffer(capacity: 65_536)
    /// Connections that were lost after they had been ready.
    package private(set) var losses = 0

    /// - Parameters:
    ///   - replicas: how many must have what a call rests on.
    ///   - refusal: judges a server by what it says about itself; returns a phrase if it must not be used.
    ///   - changed: is called with every new `status`.
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
        loop.onEachPass(.gathered) { [weak self] in self?.flush() }
        watch()
    }

    package var status: Status { if case .ready(let session) = stage { .ready(session.facts) } else { .down(reason) } }

    /// The server's run_id; nil while there is no connection.
    package var runID: String? { if case .ready(let session) = stage { session.facts.runID } else { nil } }

    /// Whether a command can be sent now.
    package var isReady: Bool { usable != nil }

    /// The session on which a command can be sent now.
    private var usable: Session? {
        guard case .ready(let session) = stage, !session.link.isEnding else { return nil }
        return session
    }

    /// The link to a server, whatever the stage.
    private var link: RedisLink? {
        switch stage {
        case .new, .waiting, .searching: nil
        case .greeting(let link, _), .vouching(let link, _): link
        case .probing(let session, _), .ready(let session): session.link
        }
    }

    // MARK: Commands

    /// Sends a script call: by its SHA-1, or with its text if Redis doesn't know it. `isReady` must hold.
    ///
    /// - Parameter confirmed: is called after a reply, and says whether what it rests on is safe. Nothing that depends
    ///   on the reply may leave the process before. It is not called after a failure. nil: nothing depends on the
    ///   reply.
    package func run(
        _ call: ScriptCall, _ completion: @escaping Completion, confirmed: ((Confirmation) -> Void)? = nil
    ) {
        run(call, asText: false, completion, confirmed: confirmed)
    }

    private func run(
        _ call: ScriptCall, asText: Bool, _ completion: @escaping Completion, confirmed: ((Confirmation) -> Void)?
    ) {
        guard let session = usable else { preconditionFailure("a command was sent while Redis is down") }
        call.compose(asText: asText, into: &command)
        let unconfirmed = session.confirmations.expect(confirmed)
        session.link.send(&command, asText ? "EVAL" : "EVALSHA") { [weak self] answer in
            switch answer {
            case .failure(let error) where error.code == .noScript && self?.isReady == true:
                self?.run(call, asText: true, completion, confirmed: confirmed)
            case .failure(let error):
                completion(answer)
                self?.giveUp(session, after: error)
            case .reply:
                unconfirmed?.hasReply = true
                completion(answer)
                // If no replica is asked for, there is nothing else to wait for.
                if unconfirmed == nil { confirmed?(.confirmed) }
            }
        }
    }

    /// Reads with a script call what `parse` makes of the reply. `done` is called once: with nil if there is no reply,
    /// or nothing is made of it, or the replicas don't have what it rests on. `isReady` must hold.
    package func read<T>(
        _ call: ScriptCall, _ parse: @escaping (RedisValue) -> T?, _ done: @escaping (T?) -> Void
    ) {
        var found: T?
        run(
            call,
            { answer in
                if case .reply(let value) = answer { found = parse(value) }
                if found == nil { done(nil) }
            },
            confirmed: { if let found { done($0 == .confirmed ? found : nil) } })
    }

    /// Sends a command. `isReady` must hold.
    package func send(_ arguments: [RedisArgument], _ operation: StaticString, _ completion: @escaping Completion) {
        guard let session = usable else { preconditionFailure("a command was sent while Redis is down") }
        command.removeAll()
        command.appendCommand(arguments)
        session.link.send(&command, operation) { [weak self] answer in
            completion(answer)
            if case .failure(let error) = answer { self?.giveUp(session, after: error) }
        }
    }

    /// Writes what has been sent in this pass; does nothing while an answer is being handled. The end of every pass
    /// calls it anyway.
    package func flush() {
        switch stage {
        case .new, .waiting, .searching, .vouching: break
        case .greeting(let link, _): link.flush()
        case .probing(let session, _), .ready(let session):
            session.confirmations.ask()
            session.link.flush()
        }
    }

    // MARK: Connecting

    /// Connects now.
    package func connect() {
        switch endpoint.location {
        case .server(let address): connect(to: address)
        case .primary(let name, let sentinels):
            if sentinelWatch == nil {
                sentinelWatch = SentinelWatch(sentinels, name: name, loop: loop) { [weak self] in self?.handle($0) }
                sentinelWatch?.start()
            }
            let survey = survey(name, sentinels) { [weak self] in self?.connect(to: $0) }
            enter(.searching(survey))
            survey.start()
        }
    }

    private func survey(
        _ name: String, _ sentinels: [SocketAddress], _ found: @escaping (SocketAddress) -> Void
    ) -> SentinelSurvey {
        SentinelSurvey(sentinels, name: name, loop: loop) { [weak self] result in
            switch result {
            case .success(let address): found(address)
            case .failure(let error): self?.fail("no primary to use: \(error)")
            }
        }
    }

    /// Handles what a Sentinel announces.
    private func handle(_ news: SentinelWatch.News) {
        switch news {
        case .promoted(let primary):
            guard primary != triedLast else { return }
            backoff.reset()
            fail("\(primary) is the new primary")
        case .replacing(let primary):
            guard primary == link?.address else { return }
            fail("\(primary) is being replaced")
        }
    }

    private func connect(to address: SocketAddress) {
        triedLast = address
        do throws(RedisError) {
            let link = try RedisLink(
                address, loop: loop,
                connectEnded: { [weak self] error in
                    if let error { self?.fail(error.description) } else { self?.shakeHands() }
                },
                disconnected: { [weak self] error in self?.fail(error.description) })
            let timeout = loop.schedule(afterMilliseconds: Self.connectMilliseconds) { [weak self] in
                self?.fail("no answer to the handshake within \(Self.connectMilliseconds) ms")
            }
            enter(.greeting(link, timeout: timeout))
        } catch {
            fail(error.description)
        }
    }

    private func shakeHands() {
        guard case .greeting(let link, _) = stage else { return }
        Handshake.perform(
            on: link, endpoint, name: name,
            failed: { [weak self] in self?.fail($0) }, { [weak self] in self?.judge($0) })
    }

    private func judge(_ facts: ServerFacts) {
        guard case .greeting(let link, let timeout) = stage else { return }
        if let reason = objection(to: facts, of: link) { return fail(reason) }
        loop.cancel(timeout)
        guard case .primary(let name, let sentinels) = endpoint.location else { return use(link, facts) }
        // What they said before the server answered may be out of date.
        let survey = survey(name, sentinels) { [weak self] primary in
            if primary == link.address { self?.use(link, facts) } else { self?.fail("\(primary) is the new primary") }
        }
        enter(.vouching(link, survey))
        survey.start()
    }

    /// Why a server that says this about itself must not be used.
    private func objection(to facts: ServerFacts, of link: RedisLink) -> String? {
        if facts.role != "master" { return "\(link.address) is a replica, not the primary" }
        if facts.isLoading { return "\(link.address) is loading its data" }
        return refusal(facts)
    }

    /// Uses a server, once its replicas acknowledge.
    private func use(_ link: RedisLink, _ facts: ServerFacts) {
        let confirmations = ReplicaConfirmations(
            link, replicas: replicas,
            tooFew: { [weak self] in self?.shutGate(acknowledged: $0) },
            refused: { [weak self] in self?.fail($0.description) })
        let session = Session(link, facts, confirmations)
        scheduleInspection(of: session)
        guard replicas > 0 else { return becomeReady(session) }
        // A primary whose replicas have left it looks like any other until they are asked.
        enter(.probing(session, since: loop.now))
        probe(session)
    }

    /// Asks a server that is used again what it is: its administrator may make its replies unsafe at any time, above
    /// all when a slow disk holds up a sale.
    private func scheduleInspection(of session: Session) {
        loop.schedule(afterMilliseconds: Self.inspectionMilliseconds) { [weak self, weak session] in
            guard let self, let session, link === session.link, !session.link.isEnding else { return }
            Handshake.inspect(session.link, failed: { [weak self] in self?.fail($0) }) { [weak self] facts in
                guard let self, link === session.link else { return }
                // Begun by hand, a rewrite harms nothing.
                var facts = facts
                facts.isRewriting = false
                if let reason = objection(to: facts, of: session.link) { return fail(reason) }
                session.goodReplicas = facts.goodReplicas
                // While nobody buys, no call would show it.
                if let count = facts.goodReplicas, count < replicas { shutGate(acknowledged: count) }
                scheduleInspection(of: session)
            }
        }
    }

    // MARK: Ready, or not

    private func becomeReady(_ session: Session) {
        backoff.reset()
        enter(.ready(session))
    }

    /// Too few replicas acknowledge: nothing new is sent until enough do again, so that not every batch waits for
    /// nothing.
    private func shutGate(acknowledged count: Int) {
        guard case .ready(let session) = stage else { return }
        enter(.probing(session, since: loop.now), because: complaint(acknowledged: count))
        probe(session)
    }

    private func probe(_ session: Session) {
        // The server may have been given up since the last question, also by a callback that heard of the shut gate.
        guard case .probing(let current, let since) = stage, current === session else { return }
        session.confirmations.probe { [weak self] acknowledging in
            guard let self else { return }
            let count = min(acknowledging, session.goodReplicas ?? acknowledging)
            if count >= replicas { return becomeReady(session) }
            let reason = complaint(acknowledged: count)
            // By now there may be another primary that this one has not heard of.
            if case .primary = endpoint.location, loop.now > since.advanced(milliseconds: Self.gateMilliseconds) {
                backoff.reset()
                return fail(reason)
            }
            enter(.probing(session, since: since), because: reason)
            loop.schedule(afterMilliseconds: Self.watchdogMilliseconds) { [weak self] in self?.probe(session) }
        }
    }

    private func complaint(acknowledged count: Int) -> String { "\(count) of \(replicas) replicas acknowledge" }

    private func watch() {
        switch stage {
        case .new, .waiting, .searching, .greeting, .vouching: break
        case .probing(let session, _), .ready(let session):
            if session.link.lookForSilence() > Self.silenceMilliseconds / Self.watchdogMilliseconds {
                fail("no answer within \(Self.silenceMilliseconds) ms")
            }
        }
        loop.schedule(afterMilliseconds: Self.watchdogMilliseconds) { [weak self] in self?.watch() }
    }

    /// Gives a session up, and makes a new one, if this answer shows that its server is not, or no longer, the one we
    /// want. A lost connection is given up already.
    private func giveUp(_ session: Session, after error: RedisError) {
        guard error.needsReconnect, error.code != .connectionLost, link === session.link else { return }
        fail(error.description)
    }

    /// Ends the connection, if there is one, and schedules another attempt.
    func fail(_ reason: String) {
        let (ended, lost) = (stage, link)
        if case .ready = ended { losses += 1 }
        let retry = loop.schedule(afterMilliseconds: backoff.next(using: &random)) { [weak self] in self?.connect() }
        enter(.waiting(retry), because: reason)
        // Unanswered calls fail here. By then the status says that there is no connection to resend them on.
        lost?.close()
        switch ended {
        case .new, .searching, .vouching: break  // A survey ends when it is released.
        case .waiting(let timer), .greeting(_, let timer): loop.cancel(timer)
        case .probing(let session, _), .ready(let session): session.confirmations.connectionClosed()
        }
    }

    /// Changes the stage and then, if that changes the status, calls `changed`, which may do anything.
    private func enter(_ stage: Stage, because reason: String? = nil) {
        let before = status
        self.stage = stage
        if let reason { self.reason = reason }
        let now = status
        if now != before { changed(now) }
    }
}
