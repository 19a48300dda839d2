package import Shared

extension BlockingRedis {
    /// The addresses of the replicas that follow this server, as it sees them (ROLE). None if it is a replica itself:
    /// then ROLE names its primary.
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
