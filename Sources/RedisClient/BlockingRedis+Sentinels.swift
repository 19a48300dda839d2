package import Shared

extension BlockingRedis {
    /// What one Sentinel knows about the primary of that name.
    package static func opinion(of sentinel: SocketAddress, on name: String) throws(RedisError) -> SentinelOpinion {
        let connection = try BlockingRedis(connectingTo: sentinel, timeoutMilliseconds: Sentinel.timeoutMilliseconds)
        let named = try connection.command(Sentinel.whoIsPrimary(name))
        let primary = try Sentinel.primary(named.value, name: name)
        let facts = try connection.command(Sentinel.facts(name))
        return try SentinelOpinion(facts.value.fields, naming: primary)
    }

    /// The replicas of the primary of that name, whatever their state, as one of the Sentinels knows them.
    package static func replicas(
        of name: String, accordingTo sentinels: [SocketAddress]
    ) throws(RedisError) -> Set<SocketAddress> {
        try askSentinels(sentinels, ["SENTINEL", "REPLICAS", "\(name)"]) { (reply) throws(RedisError) in
            var addresses: Set<SocketAddress> = []
            for index in 0..<reply.count {
                let facts = reply[index].fields
                guard let address = Sentinel.address(facts["ip"], facts["port"]) else {
                    throw RedisError(.unexpectedReply, "SENTINEL", "a replica without an address and a port")
                }
                addresses.insert(address)
            }
            return addresses
        }
    }

    /// Asks one Sentinel after the other until one gives an answer that `read` accepts.
    package static func askSentinels<R>(
        _ sentinels: [SocketAddress], _ question: [RedisArgument],
        _ read: (borrowing RedisValue) throws(RedisError) -> R
    ) throws(RedisError) -> R {
        var failure = RedisError(.cannotConnect, "SENTINEL", "no Sentinel is named")
        // In random order, so that we don't always wait for one that is silent.
        for sentinel in sentinels.shuffled() {
            do throws(RedisError) {
                let connection = try BlockingRedis(
                    connectingTo: sentinel, timeoutMilliseconds: Sentinel.timeoutMilliseconds)
                let reply = try connection.command(question)
                return try read(reply.value)
            } catch {
                failure = error
            }
        }
        throw failure
    }
}
