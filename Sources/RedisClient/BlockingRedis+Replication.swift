package import Shared

/// Who follows a server, and how far.
package struct Replication {
    package var isReplica: Bool
    var offset: Int
    /// The offset of each replica that is online.
    package var replicas: [SocketAddress: Int]
    /// How many replicas are connected, whatever their state.
    var connected: Int

    package var isLeft: Bool { isReplica || connected == 0 }
    /// Whether these replicas follow, and all that do have everything. One that lost its connection while it caught
    /// up may be promoted, too: Sentinels go by offsets that are up to ten seconds old.
    package func isLevel(_ known: Set<SocketAddress>) -> Bool {
        known.isSubset(of: replicas.keys) && replicas.values.allSatisfy { $0 >= offset }
    }
}

extension BlockingRedis {
    /// What this server says about its replication.
    package func replication() throws(RedisError) -> Replication {
        let reply = try command(["INFO", "replication"])
        let info = InfoText(reply.string ?? "")
        var replicas: [SocketAddress: Int] = [:]
        // slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=1
        var index = 0
        while let line = info["slave\(index)"] {
            index += 1
            let facts = line.split(separator: ",")
            func fact(_ name: String) -> String? {
                facts.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
            }
            guard fact("state") == "online" else { continue }
            guard let address = Sentinel.address(fact("ip"), fact("port")),
                let offset = fact("offset").flatMap({ Int($0) })
            else { continue }
            // A lost connection of the same replica may still be listed.
            replicas[address] = min(offset, replicas[address] ?? offset)
        }
        return Replication(
            isReplica: info["role"] == "slave", offset: info.integer("master_repl_offset"), replicas: replicas,
            connected: info.integer("connected_slaves"))
    }

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
