import EventLoop
import Shared

/// One run: who presses when, on which connection, and who comes back.
final class Stampede {
    /// A buyer who has heard nothing for this long presses again; answers within it count as goodput.
    static let answerMilliseconds = 3000
    /// A buyer gives up this long after its first press.
    private static let patienceMilliseconds = 30_000
    /// The first press waits at most this long for connections; 20,000 take half a second.
    private static let connectingMilliseconds = 1000
    private static let sweepMilliseconds = 100
    /// A connection that nobody has used for this long is reopened. Each sweep looks at one connection in 20, so none
    /// is idle for more than seven seconds, of the ten that nginx waits for a request.
    private static let idleMilliseconds = 5000
    private static let sweepsPerRenewal = 20
    private static let progressMilliseconds = 1000
    /// A buyer whose connection was lost presses again after this long.
    private static let lostMilliseconds = 20
    /// Buyers whose turn comes at the same moment press over this long.
    private static let turnSpreadMilliseconds = 1000
    /// If nobody knows when a turn will come, the buyer presses after this long.
    private static let pausedMilliseconds = 5000

    private let options: Options
    private let loop: EventLoop
    let buyers: Buyers
    private var log: AttemptLog?
    private let progress: (String) -> Void
    /// Every connection reads its responses here.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    private var connections: [ClientConnection] = []
    private var idleConnections: [ClientConnection] = []
    /// Why a connection could not be made, the last time that one couldn't.
    var connectFailure: SystemError?
    private var mixer = Mixer()
    /// By target: the request of a press, and of a join.
    private let presses: [PreparedRequest]
    private let joins: [PreparedRequest]
    /// Tickets of buyers who have joined the waiting room.
    private var tickets: TicketStore?
    /// A press with a ticket.
    private var request = ByteBuffer(capacity: 1024)

    private(set) var start = Instant(nanoseconds: 0)
    /// The next buyer who has not pressed yet.
    private var next = 0
    private var retries = RetryQueue()
    /// Extra presses (`--retry-share`) that are not answered yet. Their buyers have an answer already.
    private var extraPresses = 0
    /// Whether nobody begins a press any more.
    private(set) var isInterrupted = false
    private var wake: TimerID?
    private var sweeps = 0
    private(set) var attempts = Attempts()
    private(set) var failures = Failures()
    /// CPU time of the run, without the signing of tokens: user and system time of this process.
    private(set) var cpuMicroseconds = 0

    init(
        _ options: Options, buyers: Buyers, log: consuming AttemptLog?, loop: EventLoop,
        progress: @escaping (String) -> Void
    ) {
        self.options = options
        self.buyers = buyers
        presses = options.targets.map { PreparedRequest($0, options.sale, .press, buyers) }
        joins = options.targets.map { PreparedRequest($0, options.sale, .join, buyers) }
        self.loop = loop
        self.log = log
        self.progress = progress
        tickets = options.queue ? TicketStore(buyers: options.buyers) : nil
    }

    deinit { scratch.deallocate() }

    /// Runs until every buyer has a final answer or has given up, or until `interrupt`. Throws if there is nobody to
    /// connect to.
    func run() throws(SystemError) {
        for index in 0..<options.connections {
            let connection = ClientConnection(
                index: index, target: options.targets[index % options.targets.count], source: source(index),
                loop: loop, owner: self)
            connections.append(connection)
            connection.connect()
        }
        try waitForConnections()
        guard !isInterrupted else { return }
        log?.begin()
        let cpuBefore = ProcessFigures.cpuMicroseconds
        start = .now
        sweep()
        showProgress()
        loop.onEachPass(.gathered) { [self] in press() }
        // The first pass would wait for an event.
        press()
        try loop.run()
        log?.end(options.sale)
        cpuMicroseconds = ProcessFigures.cpuMicroseconds - cpuBefore
    }

    /// Lets nobody press any more. `run` returns once each press in flight has its answer, or has waited for one as
    /// long as any other would. So the log has every press that was begun, and may say that it is whole.
    func interrupt() { isInterrupted = true }

    /// Buyers have the page open before they press, so a storm of connections is not part of the measurement.
    private func waitForConnections() throws(SystemError) {
        let deadline = Instant.now.advanced(milliseconds: Self.connectingMilliseconds)
        while idleConnections.count < connections.count, .now < deadline, !isInterrupted {
            try loop.pass(waitMilliseconds: Int32(Self.lostMilliseconds))
        }
        // Later the server may be gone for a while. At the start, the caller has probably mistyped it.
        if idleConnections.isEmpty, let connectFailure { throw connectFailure }
    }

    /// Why the log is not complete, if it isn't.
    var logFailure: FileError? { log?.failure }

    private func source(_ index: Int) -> SocketAddress? {
        guard options.sources > 0 else { return nil }
        let number = index % options.sources
        return .tcp(host: "127.1.\(number / 250).\(number % 250 + 1)", port: 0)
    }

    // MARK: Pressing

    /// When a buyer's first press is due.
    private func due(_ buyer: Int) -> Instant {
        switch options.pace {
        case .closed: start
        case .open(let over):
            Instant(nanoseconds: start.nanoseconds + UInt64(over) / UInt64(buyers.count) * UInt64(buyer))
        }
    }

    /// Sends the presses that are due, as long as there are idle connections. Called at the end of each pass.
    private func press() {
        guard !isInterrupted else {
            if !connections.contains(where: { $0.state == .busy }) { loop.stop() }
            return
        }
        while let connection = idleConnections.last {
            let now = Instant.now
            // In the closed loop a first press is due when a connection is free for it.
            let first = next == buyers.count ? nil : options.pace == .closed ? now : due(next)
            let press: (buyer: Int, due: Instant)
            // Whoever has waited longest comes first. Otherwise those who come back would keep all others waiting.
            if let back = retries.popDue(min(now, first ?? now)) {
                press = back
            } else if let first, first <= now {
                press = (next, first)
                next += 1
                buyers.pressed(press.buyer, due: press.due)
            } else {
                break
            }
            noLongerIdle(connection)
            send(press.buyer, due: press.due, on: connection, now)
        }
        guard buyers.unanswered > 0 || extraPresses > 0 else { return loop.stop() }
        if !idleConnections.isEmpty { sleepUntilDue() }
    }

    /// Wakes the loop when the next buyer is due.
    private func sleepUntilDue() {
        var soonest = retries.nextDue
        if next < buyers.count { soonest = min(soonest ?? due(next), due(next)) }
        if let wake { loop.cancel(wake) }
        wake = soonest.map { loop.schedule(at: $0) {} }
    }

    private func send(_ buyer: Int, due: Instant, on connection: ClientConnection, _ now: Instant) {
        attempts.sent += 1
        let target = connection.index % presses.count
        guard tickets != nil else {
            return connection.press(buyer, isJoin: false, presses[target].of(buyer, buyers), due: due, at: now)
        }
        guard tickets?.has(buyer) == true else {
            return connection.press(buyer, isJoin: true, joins[target].of(buyer, buyers), due: due, at: now)
        }
        request.removeAll()
        request.append(presses[target].of(buyer, buyers))
        request.removeLast(2)
        request.append("Sale-Ticket: ")
        tickets?.append(buyer, to: &request)
        request.append("\r\n\r\n")
        request.withUnsafeBytes { connection.press(buyer, isJoin: false, $0, due: due, at: now) }
    }

    // MARK: Answers

    func idle(_ connection: ClientConnection) {
        connection.idleIndex = idleConnections.count
        idleConnections.append(connection)
        if options.sources > 0 || options.targets.count > 1 { mix() }
    }

    /// Swaps the last idle connection with a random one, so that connections with different addresses or targets press
    /// equally often. Without it the connection that was answered last goes next, which costs least.
    private func mix() {
        let last = idleConnections.count - 1
        let other = mixer.index(below: idleConnections.count)
        idleConnections.swapAt(other, last)
        idleConnections[other].idleIndex = other
        idleConnections[last].idleIndex = last
    }

    /// Takes a connection off the list; the last one takes its place.
    func noLongerIdle(_ connection: ClientConnection) {
        guard let index = connection.idleIndex, let last = idleConnections.popLast() else { return }
        connection.idleIndex = nil
        guard last !== connection else { return }
        idleConnections[index] = last
        last.idleIndex = index
    }

    func answered(_ connection: ClientConnection, _ answer: Answer, _ bytes: Span<UInt8>) {
        let now = Instant.now
        let buyer = connection.buyer
        let problem = bytes.extracting(answer.problem ?? 0..<0)
        log?.add(
            buyer, isJoin: connection.isJoin, due: connection.due, invoked: connection.invoked, responded: now, answer,
            problem: problem)
        let isFirst = !buyers.isAnswered(buyer)
        let reaction = Reaction(
            to: answer, problem: problem, isJoin: connection.isJoin, hasTickets: tickets != nil, once: options.once)
        switch reaction {
        case .joined: return joined(buyer, bytes.extracting(answer.body), now)
        case .rejoin:
            tickets?.forget(buyer)
            return comeBack(buyer, milliseconds: 1, now, after: answer.status, problem)
        case .comeBack(let milliseconds):
            return comeBack(buyer, milliseconds: milliseconds, now, after: answer.status, problem)
        case .secured(let position): buyers.secured(buyer, position: position, at: now)
        case .soldOut: buyers.soldOut(buyer, at: now)
        case .shed: buyers.shed(buyer, at: now)
        case .failed: fail(buyer, now, answer.status, problem)
        }
        if isFirst { pressAgain(buyer, now) } else { extraPresses -= 1 }
    }

    /// Presses again for a buyer who has a final answer, if it is in the share of those who do.
    private func pressAgain(_ buyer: Int, _ now: Instant) {
        guard Buyers.retries(buyer, perMillion: options.retryPerMillion) else { return }
        extraPresses += 1
        let due = dueAgain(buyer, now)
        buyers.pressed(buyer, due: due)
        retries.insert(buyer, due: due)
    }

    /// When a buyer who has an answer presses again: at once in the closed loop; in the open loop some time before the
    /// last first press is due, so that a fault may lie between the two.
    private func dueAgain(_ buyer: Int, _ now: Instant) -> Instant {
        guard case .open(let over) = options.pace else { return now }
        let rest = (Int(start.nanoseconds) + over - Int(now.nanoseconds)) / 1_000_000
        return now.advanced(milliseconds: Buyers.jitter(buyer, below: max(1, rest)))
    }

    /// The buyer has a ticket, and presses when its turn comes. Its patience begins then.
    private func joined(_ buyer: Int, _ body: Span<UInt8>, _ now: Instant) {
        guard let answer = JoinAnswer(body), tickets?.keep(body.extracting(answer.ticket), of: buyer) == true else {
            return giveUp(buyer, now, because: "ticket that can't be read")
        }
        let wait = answer.turnInMilliseconds ?? Self.pausedMilliseconds
        let due = now.advanced(milliseconds: wait + Buyers.jitter(buyer, below: Self.turnSpreadMilliseconds))
        buyers.pressed(buyer, due: due)
        retries.insert(buyer, due: due)
    }

    /// A connection was lost, was silent for too long, or has brought a malformed answer. If it was busy, whether its
    /// press was decided is not known.
    func failed(_ connection: ClientConnection, wasBusy: Bool, malformed: Bool) {
        if malformed { attempts.malformed += 1 }
        guard wasBusy else { return }
        if !malformed { attempts.lost += 1 }
        log?.add(
            connection.buyer, isJoin: connection.isJoin, due: connection.due, invoked: connection.invoked,
            responded: nil, Answer(), problem: Span())
        Self.silence.withUTF8Buffer {
            comeBack(connection.buyer, milliseconds: Self.lostMilliseconds, .now, after: 0, $0.span)
        }
    }

    /// What is said of a buyer who gave up without being told anything.
    private static let silence: StaticString = "no final answer in time"

    /// The buyer comes back after an answer of this status, 0 if there was none, or gives up because of it.
    private func comeBack(
        _ buyer: Int, milliseconds: Int, _ now: Instant, after status: Int, _ problem: Span<UInt8>
    ) {
        let due = now.advanced(milliseconds: milliseconds)
        if due < buyers.firstPress(buyer).advanced(milliseconds: Self.patienceMilliseconds) {
            return retries.insert(buyer, due: due)
        }
        giveUp(buyer, now, status, problem)
    }

    private func giveUp(_ buyer: Int, _ now: Instant, because reason: StaticString = silence) {
        reason.withUTF8Buffer { giveUp(buyer, now, 0, $0.span) }
    }

    private func giveUp(_ buyer: Int, _ now: Instant, _ status: Int, _ problem: Span<UInt8>) {
        if buyers.isAnswered(buyer) { extraPresses -= 1 }
        fail(buyer, now, status, problem)
    }

    private func fail(_ buyer: Int, _ now: Instant, _ status: Int, _ problem: Span<UInt8>) {
        if buyers.failed(buyer, at: now) { failures.add(status: status, problem: problem) }
    }

    // MARK: Time

    /// Abandons presses that have waited too long.
    private func sweep() {
        for connection in connections where connection.state == .busy {
            if loop.now > connection.invoked.advanced(milliseconds: Self.answerMilliseconds) { connection.abandon() }
        }
        sweeps += 1
        if !options.keepIdle { renewIdle() }
        giveUpUnconnected()
        loop.schedule(afterMilliseconds: Self.sweepMilliseconds) { [self] in sweep() }
    }

    /// Reopens connections that nobody has used for long, some in each sweep.
    private func renewIdle() {
        for index in stride(from: sweeps % Self.sweepsPerRenewal, to: connections.count, by: Self.sweepsPerRenewal)
        where loop.now > connections[index].invoked.advanced(milliseconds: Self.idleMilliseconds) {
            connections[index].renew()
        }
    }

    /// If there are no connections at all, buyers who were due give up like others.
    private func giveUpUnconnected() {
        guard idleConnections.isEmpty, !connections.contains(where: { $0.state == .busy }) else { return }
        let now = loop.now
        while let back = retries.popDue(now.advanced(milliseconds: -Self.patienceMilliseconds)) {
            giveUp(back.buyer, now)
        }
        while next < buyers.count, due(next).advanced(milliseconds: Self.patienceMilliseconds) <= now {
            buyers.pressed(next, due: due(next))
            giveUp(next, now)
            next += 1
        }
    }

    private func showProgress() {
        let answered = buyers.count - buyers.unanswered
        progress("\(answered) of \(buyers.count) answered, \(attempts.sent) attempts, \(attempts.lost) lost")
        loop.schedule(afterMilliseconds: Self.progressMilliseconds) { [self] in showProgress() }
    }
}
