import EventLoop
import Shared

/// What is said to a Sentinel (redis.io/docs/latest/develop/reference/sentinel-clients).
enum Sentinel {
    /// Milliseconds for one Sentinel to answer; another is asked then. Three that are silent cost less than a second.
    static let timeoutMilliseconds = 300
    /// Where Sentinels announce a new primary: "name old-ip old-port new-ip new-port".
    static let switchChannel = "+switch-master"

    static func question(_ name: String) -> [RedisArgument] {
        ["SENTINEL", "get-master-addr-by-name", RedisArgument(name)]
    }

    /// The primary's address: an array of ip and port, nil where the name is not known.
    static func answer(_ value: borrowing RedisValue, name: String) throws(RedisError) -> SocketAddress {
        if value.isNil { throw RedisError(.cannotConnect, "SENTINEL", "it watches no primary named \(name)") }
        guard value.count == 2, let address = address(value[0].string, value[1].string) else {
            throw RedisError(.unexpectedReply, "SENTINEL", "not an address and a port")
        }
        return address
    }

    /// The new primary of `name` that a message announces; nil where it is about another.
    static func announced(_ message: String, name: String) -> SocketAddress? {
        let words = message.split(separator: " ").map(String.init)
        guard words.count == 5, words[0] == name else { return nil }
        return address(words[3], words[4])
    }

    /// An address as Redis and Sentinels tell it, in two strings.
    static func address(_ host: String?, _ port: String?) -> SocketAddress? {
        guard let host, let port = port.flatMap({ UInt16($0) }) else { return nil }
        return .tcp(host: host, port: port)
    }
}

/// Asks the Sentinels in turn, on the loop, who the primary is.
final class SentinelQuery {
    private let loop: EventLoop
    private let name: String
    private var sentinels: [SocketAddress]
    private let done: (Result<SocketAddress, RedisError>) -> Void
    private var link: RedisLink?
    private var timeout: TimerID?
    private var failure = RedisError(.cannotConnect, "SENTINEL", "no Sentinel is named")

    /// `done` is told once, the answer of the first Sentinel that has one.
    init(
        _ sentinels: [SocketAddress], name: String, loop: EventLoop,
        _ done: @escaping (Result<SocketAddress, RedisError>) -> Void
    ) {
        self.sentinels = sentinels
        self.name = name
        self.loop = loop
        self.done = done
    }

    deinit { link?.close() }

    /// Asks now, until it has its answer or is let go. Where no connection can even be begun, `done` is told before this returns.
    func start() { ask() }

    private func ask() {
        guard !sentinels.isEmpty else { return done(.failure(failure)) }
        let sentinel = sentinels.removeFirst()
        timeout = loop.schedule(afterMilliseconds: Sentinel.timeoutMilliseconds) { [weak self] in
            self?.next(RedisError(.timedOut, "SENTINEL", "\(sentinel) does not answer"))
        }
        do throws(RedisError) {
            link = try RedisLink(
                sentinel, loop: loop,
                connectEnded: { [weak self] error in if let error { self?.next(error) } else { self?.put() } },
                disconnected: { [weak self] error in self?.next(error) })
        } catch {
            next(error)
        }
    }

    private func put() {
        var command = ByteBuffer(capacity: 128)
        command.appendCommand(Sentinel.question(name))
        link?.send(&command, "SENTINEL") { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .failure(let error): if error.code != .connectionLost { next(error) }
            case .reply(let value):
                do throws(RedisError) {
                    finish(.success(try Sentinel.answer(value, name: name)))
                } catch {
                    next(error)
                }
            }
        }
        loop.schedule(at: loop.now) { [weak self] in self?.link?.flush() }
    }

    private func next(_ error: RedisError) {
        failure = error
        end()
        ask()
    }

    private func finish(_ result: Result<SocketAddress, RedisError>) {
        end()
        done(result)
    }

    private func end() {
        if let timeout { loop.cancel(timeout) }
        timeout = nil
        let ended = link
        link = nil
        ended?.close()
    }
}

/// Listens to one Sentinel after the other for the announcement of a new primary.
final class SentinelWatch {
    private static let retryMilliseconds = 500

    private let loop: EventLoop
    private let name: String
    private let sentinels: [SocketAddress]
    private let announced: (SocketAddress) -> Void
    private var link: RedisLink?
    private var connecting: TimerID?
    private var index = 0

    init(
        _ sentinels: [SocketAddress], name: String, loop: EventLoop, _ announced: @escaping (SocketAddress) -> Void
    ) {
        self.sentinels = sentinels
        self.name = name
        self.loop = loop
        self.announced = announced
    }

    deinit { link?.close() }

    func start() {
        guard !sentinels.isEmpty else { return }
        let sentinel = sentinels[index % sentinels.count]
        index += 1
        do throws(RedisError) {
            link = try RedisLink(
                sentinel, loop: loop,
                connectEnded: { [weak self] error in if error == nil { self?.subscribe() } else { self?.again() } },
                disconnected: { [weak self] _ in self?.again() })
            connecting = loop.schedule(afterMilliseconds: Sentinel.timeoutMilliseconds) { [weak self] in self?.again() }
        } catch {
            again()
        }
    }

    private func subscribe() {
        if let connecting { loop.cancel(connecting) }
        // It may be silent for weeks, so TCP has to say when nobody is there any more.
        link?.keepAlive()
        link?.subscribe(Sentinel.switchChannel) { [weak self] message in
            guard let self, let primary = Sentinel.announced(message, name: name) else { return }
            announced(primary)
        }
        loop.schedule(at: loop.now) { [weak self] in self?.link?.flush() }
    }

    private func again() {
        if let connecting { loop.cancel(connecting) }
        let ended = link
        link = nil
        ended?.close()
        loop.schedule(afterMilliseconds: Self.retryMilliseconds) { [weak self] in self?.start() }
    }
}
