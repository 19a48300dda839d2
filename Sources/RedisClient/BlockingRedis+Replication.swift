package import Shared

extension BlockingRedis {
    /// Where the replicas that follow this server listen, as it sees them (ROLE); none of a server that is a replica itself, whose
    /// answer names its primary.
    package func replicas() throws(RedisError) -> [SocketAddress] {
        let reply = try command(["ROLE"])
        let role = reply.value
        guard role.count == 3, role[0].string == "master" else { return [] }
        var addresses: [SocketAddress] = []
        let replicas = role[2]
        for index in 0..<replicas.count {
            let replica = replicas[index]
            guard replica.count >= 2, let address = Sentinel.address(replica[0].string, replica[1].string) else {
                throw RedisError(.unexpectedReply, "ROLE", "a replica without an address and a port")
            }
            addresses.append(address)
        }
        return addresses
    }
}
