import Shared

/// What is said to a Sentinel, and what it says (redis.io/docs/latest/develop/reference/sentinel-clients).
enum Sentinel {
    /// Milliseconds for a Sentinel to answer; it counts as silent then. One that is costs this twice for each connection, before
    /// and after it is made: 600 of the 2500 in which a purchase is answered.
    static let timeoutMilliseconds = 300

    /// The server that it names: while it fails over itself, the promoted one as soon as that has said that it is a primary, up to
    /// a second after it has become one (redis 7.0.15, sentinel.c sentinelGetCurrentMasterAddress).
    static func whoIsPrimary(_ name: String) -> [RedisArgument] {
        ["SENTINEL", "get-master-addr-by-name", RedisArgument(name)]
    }

    /// What it knows of the server that it watches, a list of names and values.
    static func facts(_ name: String) -> [RedisArgument] { ["SENTINEL", "MASTER", RedisArgument(name)] }

    /// Reads the answer to `whoIsPrimary`: an array of ip and port, nil where the name is not known.
    static func primary(_ value: borrowing RedisValue, name: String) throws(RedisError) -> SocketAddress {
        if value.isNil { throw RedisError(.cannotConnect, "SENTINEL", "it watches no primary named \(name)") }
        guard value.count == 2, let address = address(value[0].string, value[1].string) else {
            throw RedisError(.unexpectedReply, "SENTINEL", "not an address and a port")
        }
        return address
    }

    /// An address as Redis and Sentinels tell it, in two strings.
    static func address(_ host: String?, _ port: String?) -> SocketAddress? {
        guard let host, let port = port.flatMap({ UInt16($0) }) else { return nil }
        return .tcp(host: host, port: port)
    }
}
