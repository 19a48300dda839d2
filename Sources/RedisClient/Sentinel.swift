import Shared

/// Questions to a Sentinel, and its answers (redis.io/docs/latest/develop/reference/sentinel-clients).
enum Sentinel {
    /// Milliseconds after which a Sentinel counts as silent. A silent one costs this twice for each connection, before
    /// and after it is made: 600 of the 2500 in which a purchase is answered.
    static let timeoutMilliseconds = 300

    /// Asks which server is the primary. A Sentinel that is failing over names the promoted server as soon as that one
    /// has reported to be a primary, up to a second after its promotion (redis 7.0.15, sentinel.c
    /// sentinelGetCurrentMasterAddress).
    static func whoIsPrimary(_ name: String) -> [RedisArgument] {
        ["SENTINEL", "get-master-addr-by-name", "\(name)"]
    }

    /// Asks what it knows about the server that it watches: an array of names and values.
    static func facts(_ name: String) -> [RedisArgument] { ["SENTINEL", "MASTER", "\(name)"] }

    /// Reads the answer to `whoIsPrimary`: an array of ip and port, or nil if the name is not known.
    static func primary(_ value: borrowing RedisValue, name: String) throws(RedisError) -> SocketAddress {
        if value.isNil { throw RedisError(.cannotConnect, "SENTINEL", "it watches no primary named \(name)") }
        guard value.count == 2, let address = address(value[0].string, value[1].string) else {
            throw RedisError(.unexpectedReply, "SENTINEL", "not an address and a port")
        }
        return address
    }

    /// An address as Redis and Sentinels write it, in two strings.
    static func address(_ host: String?, _ port: String?) -> SocketAddress? {
        guard let host, let port = port.flatMap({ UInt16($0) }) else { return nil }
        return .tcp(host: host, port: port)
    }
}
