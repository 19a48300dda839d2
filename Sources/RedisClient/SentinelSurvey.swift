import EventLoop
import Shared

/// Asks all Sentinels at once, on the loop, who the primary is.
final class SentinelSurvey {
    private typealias Answer = Result<SentinelOpinion, RedisError>

    private let sentinels: [SocketAddress]
    private let name: String
    private let loop: EventLoop
    private let done: (Result<SocketAddress, RedisError>) -> Void
    /// One for each Sentinel, as are the answers.
    private var links: [RedisLink?]
    private var answers: [Answer?]
    private var timeout: TimerID?

    /// `done` is called once, when each has answered or their time is over. Silent Sentinels don't count, unless all
    /// are silent.
    init(
        _ sentinels: [SocketAddress], name: String, loop: EventLoop,
        _ done: @escaping (Result<SocketAddress, RedisError>) -> Void
    ) {
        self.sentinels = sentinels
        self.name = name
        self.loop = loop
        self.done = done
        links = Array(repeating: nil, count: sentinels.count)
        answers = Array(repeating: nil, count: sentinels.count)
    }

    deinit { for link in links { link?.close() } }

    /// Asks now; releasing the survey ends it. If no connection can even be begun, `done` is called before this
    /// returns.
    func start() {
        timeout = loop.schedule(afterMilliseconds: Sentinel.timeoutMilliseconds) { [weak self] in self?.finish() }
        for index in sentinels.indices { connect(index) }
    }

    private func connect(_ index: Int) {
        do throws(RedisError) {
            links[index] = try RedisLink(
                sentinels[index], loop: loop,
                connectEnded: { [weak self] error in
                    if let error { self?.record(.failure(error), from: index) } else { self?.ask(index) }
                },
                disconnected: { [weak self] error in self?.record(.failure(error), from: index) })
        } catch {
            record(.failure(error), from: index)
        }
    }

    private func ask(_ index: Int) {
        var primary: SocketAddress?
        send(Sentinel.whoIsPrimary(name), to: index) { [name] (value) throws(RedisError) in
            primary = try Sentinel.primary(value, name: name)
        }
        send(Sentinel.facts(name), to: index) { [weak self] (value) throws(RedisError) in
            guard let primary else { return }
            self?.record(.success(try SentinelOpinion(value.fields, naming: primary)), from: index)
        }
        loop.schedule(at: loop.now) { [weak self] in self?.links[index]?.flush() }
    }

    private func send(
        _ question: [RedisArgument], to index: Int,
        _ read: @escaping (borrowing RedisValue) throws(RedisError) -> Void
    ) {
        var command = ByteBuffer(capacity: 128)
        command.appendCommand(question)
        links[index]?.send(&command, "SENTINEL") { [weak self] answer in
            do throws(RedisError) {
                switch answer {
                case .reply(let value): try read(value)
                case .failure(let error): throw error
                }
            } catch {
                self?.record(.failure(error), from: index)
            }
        }
    }

    /// The first answer of each counts.
    private func record(_ answer: Answer, from index: Int) {
        guard answers[index] == nil else { return }
        answers[index] = answer
        if !answers.contains(where: { $0 == nil }) { finish() }
    }

    private func finish() {
        guard let timeout else { return }
        self.timeout = nil
        loop.cancel(timeout)
        // Before the connections are closed, which ends up in `record` as well.
        let verdict = Result { () throws(RedisError) in try judge() }
        for link in links { link?.close() }
        done(verdict)
    }

    private func judge() throws(RedisError) -> SocketAddress {
        var opinions: [SentinelOpinion] = []
        var failure: RedisError?
        for (sentinel, answer) in zip(sentinels, answers) {
            switch answer {
            case .success(let opinion): opinions.append(opinion)
            case .failure(let error):
                failure = RedisError(error.code, error.operation, "\(sentinel): \(error.message)")
            case nil: failure = RedisError(.timedOut, "SENTINEL", "\(sentinel): no answer")
            }
        }
        if opinions.isEmpty, let failure { throw failure }
        return try SentinelOpinion.primary(opinions)
    }
}
