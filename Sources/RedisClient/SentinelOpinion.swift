package import Shared

/// What one Sentinel holds of the primary.
package struct SentinelOpinion: Equatable, Sendable {
    /// The server that it names.
    package var primary: SocketAddress
    /// Rises with every promotion: of two Sentinels the one with the higher has the later news.
    package var epoch: Int
    /// It is failing over, and has not seen yet that another has become the primary. It may not have been elected to do so, and
    /// never be: then this lasts for its `failover-timeout`, ten seconds at most (redis 7.0.15, sentinel.c
    /// sentinelFailoverWaitStart).
    package var isReplacing: Bool
}

extension SentinelOpinion {
    /// Reads the answer to `Sentinel.facts`, where it has named `primary` just before.
    init(_ facts: [String], naming primary: SocketAddress) throws(RedisError) {
        var values: [String: String] = [:]
        for index in stride(from: 0, to: facts.count - 1, by: 2) { values[facts[index]] = facts[index + 1] }
        guard let epoch = values["config-epoch"].flatMap({ Int($0) }), let flags = values["flags"],
            let watched = Sentinel.address(values["ip"], values["port"])
        else { throw RedisError(.unexpectedReply, "SENTINEL", "no address, epoch and flags") }
        let isFailingOver = flags.split(separator: ",").contains("failover_in_progress")
        // It goes on watching the old one until all others follow the promoted one, which it names before.
        self.init(
            primary: isFailingOver ? primary : watched, epoch: epoch, isReplacing: isFailingOver && primary == watched)
    }

    /// The server to use by all that Sentinels say; `replaced` where there is none.
    ///
    /// Only the one that fails over knows of it from the beginning, and the others a second later: meanwhile the old primary may
    /// wake up that stood still, and a replica that still follows it acknowledges what it does, which is lost when that one follows
    /// the new primary. So a single one that has later news, or is about to make them, is believed against all others.
    static func primary(_ opinions: [SentinelOpinion]) throws(RedisError) -> SocketAddress {
        let epoch = opinions.lazy.map(\.epoch).max()
        let latest = opinions.filter { $0.epoch == epoch }
        guard let primary = latest.first?.primary else {
            throw RedisError(.cannotConnect, "SENTINEL", "no Sentinel is named")
        }
        if let other = latest.first(where: { $0.primary != primary }) {
            throw RedisError(.replaced, "SENTINEL", "\(primary) and \(other.primary) are named, and neither is later")
        }
        if opinions.contains(where: { $0.isReplacing && $0.primary == primary }) {
            throw RedisError(.replaced, "SENTINEL", "\(primary) is being replaced")
        }
        return primary
    }
}
