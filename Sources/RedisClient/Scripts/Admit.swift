import LuaScripts
package import Shared

extension BlockingRedis {
    /// A change of how a waiting room admits buyers.
    package enum AdmissionChange: Equatable, Sendable {
        case pause
        case resume
        /// Tickets a second.
        case rate(Int)

        fileprivate var word: String {
            switch self {
            case .pause: "pause"
            case .resume: "resume"
            case .rate(let rate): "\(rate)"
            }
        }
    }

    /// Changes the rate at which a waiting room admits, from now on (admit.lua); nil if that is done.
    package func admit(_ sale: SaleID, _ change: AdmissionChange) throws(RedisError) -> ChangeRefusal? {
        let keys = SaleKeys(sale)
        let reply = try run(
            ScriptCall(
                .admit, keys: [keys.sale, keys.orders],
                [facts.runID, change.word, "\(AdmissionSchedule.segmentsMax)"]))
        return reply.integer.flatMap { ChangeRefusal(rawValue: $0) }
    }
}
