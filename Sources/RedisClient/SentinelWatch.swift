import EventLoop
import Shared

/// Listens to all Sentinels, on the loop, for announcements about a primary.
final class SentinelWatch {
    enum News: Equatable {
        /// This server is the new primary.
        case promoted(SocketAddress)
        /// This primary is being replaced: in a tenth of a second one of its replicas is promoted, if one is fit.
        case replacing(SocketAddress)
    }

    private let listeners: [SentinelListener]

    init(_ sentinels: [SocketAddress], name: String, loop: EventLoop, _ heard: @escaping (News) -> Void) {
        listeners = sentinels.map { sentinel in
            SentinelListener(sentinel, loop: loop) { channel, message in
                if let news = News(channel, message, name: name) { heard(news) }
            }
        }
    }

    func start() { for listener in listeners { listener.start() } }
}

extension SentinelWatch.News {
    /// Channels, and their messages: "name old-ip old-port new-ip new-port", once the Sentinel's failover is over or it
    /// has heard of another's; and "master name ip port" when one is decided (redis 7.0.15, sentinel.c
    /// sentinelFailoverWaitStart; the promotion follows two rounds of its timer later, 52 to 100 ms each).
    static let channels = (promoted: "+switch-master", replacing: "+failover-state-select-slave")

    /// What a message says about the primary of that name; nil if it is about another.
    init?(_ channel: String, _ message: String, name: String) {
        let words = message.split(separator: " ").map(String.init)
        if channel == Self.channels.promoted, words.count == 5, words[0] == name,
            let address = Sentinel.address(words[3], words[4])
        {
            self = .promoted(address)
        } else if channel == Self.channels.replacing, words.count == 4, words[1] == name,
            let address = Sentinel.address(words[2], words[3])
        {
            self = .replacing(address)
        } else {
            return nil
        }
    }
}

/// Listens to one Sentinel, and reconnects when the connection is lost.
private final class SentinelListener {
    private static let retryMilliseconds = 500

    private let sentinel: SocketAddress
    private let loop: EventLoop
    private let heard: (_ channel: String, _ message: String) -> Void
    private var link: RedisLink?
    private var connecting: TimerID?

    init(_ sentinel: SocketAddress, loop: EventLoop, _ heard: @escaping (String, String) -> Void) {
        self.sentinel = sentinel
        self.loop = loop
        self.heard = heard
    }

    deinit { link?.close() }

    func start() {
        do throws(RedisError) {
            link = try RedisLink(
                sentinel, loop: loop,
                connectEnded: { [weak self] error in if error == nil { self?.subscribe() } else { self?.retry() } },
                disconnected: { [weak self] _ in self?.retry() })
            connecting = loop.schedule(afterMilliseconds: Sentinel.timeoutMilliseconds) { [weak self] in self?.retry() }
        } catch {
            retry()
        }
    }

    private func subscribe() {
        if let connecting { loop.cancel(connecting) }
        // It may be silent for weeks, so TCP must report when it is gone.
        link?.keepAlive()
        let channels = SentinelWatch.News.channels
        link?.subscribe([channels.promoted, channels.replacing], heard)
        loop.schedule(at: loop.now) { [weak self] in self?.link?.flush() }
    }

    private func retry() {
        if let connecting { loop.cancel(connecting) }
        let ended = link
        link = nil
        ended?.close()
        loop.schedule(afterMilliseconds: Self.retryMilliseconds) { [weak self] in self?.start() }
    }
}
