import EventLoop
import Shared

/// Asks the Sentinels for a connection that has no loop, on one of its own: waited for, or on the side.
final class PrimaryFinder {
    private static let intervalMilliseconds = 1000
    /// Milliseconds for those Sentinels that are well, which take one or two; the others' silence is noted at a later look.
    private static let lookMilliseconds = 20

    private let name: String
    private let sentinels: [SocketAddress]
    private let loop: EventLoop
    /// Under way; nil between two.
    private var survey: SentinelSurvey?
    private var answer: Result<SocketAddress, RedisError>?
    /// When it is asked again on the side.
    private var next = Instant(nanoseconds: 0)

    init(name: String, sentinels: [SocketAddress]) throws(RedisError) {
        self.name = name
        self.sentinels = sentinels
        do throws(SystemError) { loop = try EventLoop() } catch { throw Self.failure(error) }
    }

    /// The server that is the primary now.
    func find() throws(RedisError) -> SocketAddress {
        // The loop's clock stands still in between.
        try turn(waitMilliseconds: 0)
        ask()
        while true {
            if let answer = taken() { return try answer.get() }
            try turn(waitMilliseconds: -1)
        }
    }

    /// Asks again where a second has passed; nil while there is no news.
    ///
    /// An old primary that is cut off from the others goes on answering, and has nothing new to read.
    func look() throws(RedisError) -> SocketAddress? {
        try turn(waitMilliseconds: 0)
        if survey == nil, loop.now >= next {
            ask()
            let end = loop.now.advanced(milliseconds: Self.lookMilliseconds)
            while answer == nil, loop.now < end { try turn(waitMilliseconds: 1) }
        }
        switch taken() {
        case nil: return nil
        case .success(let address): return address
        case .failure(let error) where error.code == .replaced: throw error
        // That nobody can be asked says nothing.
        case .failure: return nil
        }
    }

    private func ask() {
        survey = SentinelSurvey(sentinels, name: name, loop: loop) { [weak self] in self?.answer = $0 }
        survey?.start()
    }

    private func turn(waitMilliseconds: Int32) throws(RedisError) {
        do throws(SystemError) { try loop.pass(waitMilliseconds: waitMilliseconds) } catch { throw Self.failure(error) }
    }

    /// The answer, where there is one by now; there is another only when it is asked again.
    private func taken() -> Result<SocketAddress, RedisError>? {
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
