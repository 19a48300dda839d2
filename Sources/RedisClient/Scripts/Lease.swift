import LuaScripts
import Shared

extension BlockingRedis {
    /// Takes or renews the right to work on this Redis, for this many milliseconds (lease.lua); 0 gives it back.
    ///
    /// - Parameters:
    ///   - database: the database that the worker writes: one word, that no other worker alive can have.
    ///   - name: the worker's name, for whoever looks.
    ///   - isRenewal: whether the worker has the right. Throws `noLease`, and has done nothing, if that has expired.
    /// - Returns: the name of the worker that has the right, with another database; nil if it is this one.
    package func lease(
        for database: String, name: String, milliseconds: Int, isRenewal: Bool
    ) throws(RedisError) -> String? {
        let reply = try run(
            ScriptCall(
                .lease, keys: [SaleKeys.workerLease], [database, name, "\(milliseconds)", isRenewal ? "1" : "0"]))
        let words = (reply.string ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else {
            throw RedisError(.unexpectedReply, "lease.lua", "the reply is not a database and a name")
        }
        return words[0] == database ? nil : words[1]
    }
}
