package import Shared

/// What one Sentinel knows about the primary.
package struct SentinelOpinion: Equatable, Sendable {
    /// The server that it names.
    package var primary: SocketAddress
    /// Rises with every promotion: of two Sentinels the one with the higher epoch has the later news.
    package var epoch: Int
    /// It is failing over, and has not seen the new primary yet. It may not have been elected to do so, and never be:
    /// then this lasts for its `failover-timeout`, ten seconds at most (redis 7.0.15, sentinel.c
    /// sentinelFailoverWaitStart).
    package var isReplacing: Bool
}

extension SentinelOpinion {
    /// Reads the answer to `Sentinel.facts` of a Sentinel that has just named `primary`.
    init(_ facts: [String: String], naming primary: SocketAddress) throws(RedisError) {
        guard let epoch = facts["config-epoch"].flatMap({ Int($0) }), let flags = facts["flags"],
            let watched = Sentinel.address(facts["ip"], facts["port"])
        else { throw RedisError(.unexpectedReply, "SENTINEL", "no address, epoch and flags") }
        let isFailingOver = flags.split(separator: ",").contains("failover_in_progress")
        // It names the promoted server before it stops watching the old one, which it does once all replicas follow.
        self.init(
            primary: isFailingOver ? primary : watched, epoch: epoch, isReplacing: isFailingOver && primary == watched)
    }

    /// The server to use, from what all Sentinels say; throws `replaced` if there is none.
    ///
    /// Only the Sentinel that fails over knows of it from the beginning; the others learn of it up to a second later.
    /// Meanwhile the old primary may wake up after a standstill, and a replica that still follows it acknowledges its
    /// writes, which are lost once that replica follows the new primary. So a single Sentinel that has later news, or
    /// is about to make some, is believed against all others.
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
