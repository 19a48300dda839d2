import EventLoop
import Shared

/// Asks the Sentinels on behalf of a connection without a loop, on a loop of its own: waiting for the answer, or in
/// passing.
final class PrimaryFinder {
    private static let intervalMilliseconds = 1000
    /// Milliseconds for healthy Sentinels, which take one or two; the silence of others is noticed by a later look.
    private static let lookMilliseconds = 20

    private let name: String
    private let sentinels: [SocketAddress]
    private let loop: EventLoop
    /// The survey under way, if any.
    private var survey: SentinelSurvey?
    private var answer: Result<SocketAddress, RedisError>?
    /// When `look` asks again.
    private var next = Instant(nanoseconds: 0)

    init(name: String, sentinels: [SocketAddress]) throws(RedisError) {
        self.name = name
        self.sentinels = sentinels
        do throws(SystemError) { loop = try EventLoop() } catch { throw Self.failure(error) }
    }

    /// The server that is the primary now.
    func find() throws(RedisError) -> SocketAddress {
        // The loop's clock stands still between passes.
        try pass(waitMilliseconds: 0)
        ask()
        while true {
            if let answer = takeAnswer() { return try answer.get() }
            try pass(waitMilliseconds: -1)
        }
    }

    /// Asks again if a second has passed; nil if there is no news.
    ///
    /// Without this, an old primary that is cut off from the others would never be left: it goes on answering, and has
    /// nothing new to read.
    func look() throws(RedisError) -> SocketAddress? {
        try pass(waitMilliseconds: 0)
        if survey == nil, loop.now >= next {
            ask()
            let end = loop.now.advanced(milliseconds: Self.lookMilliseconds)
            while answer == nil, loop.now < end { try pass(waitMilliseconds: 1) }
        }
        switch takeAnswer() {
        case nil: return nil
        case .success(let address): return address
        case .failure(let error) where error.code == .replaced: throw error
        // That no Sentinel could be asked says nothing about the primary.
        case .failure: return nil
        }
    }

    private func ask() {
        survey = SentinelSurvey(sentinels, name: name, loop: loop) { [weak self] in self?.answer = $0 }
        survey?.start()
    }

    private func pass(waitMilliseconds: Int32) throws(RedisError) {
        do throws(SystemError) { try loop.pass(waitMilliseconds: waitMilliseconds) } catch { throw Self.failure(error) }
    }

    /// Takes the answer, if there is one by now; the next one comes only after `ask`.
    private func takeAnswer() -> Result<SocketAddress, RedisError>? {
        guard let answer else { return nil }
        self.answer = nil
        survey = nil
        next = loop.now.advanced(milliseconds: Self.intervalMilliseconds)
        return answer
    }

    private static func failure(_ error: SystemError) -> RedisError {
        RedisError(.cannotConnect, "SENTINEL", "\(error)")
    }
}
