import LuaScripts
import Shared

extension BlockingRedis {
    /// Takes or renews the right to work on this Redis, for this many milliseconds (lease.lua). Returns who has it now:
    /// `worker`, if nobody else had it.
    package func lease(to worker: String, milliseconds: Int) throws(RedisError) -> String {
        let reply = try run(ScriptCall(.lease, keys: [SaleKeys.workerLease], [worker, "\(milliseconds)"]))
        guard let holder = reply.value.string else {
            throw RedisError(.unexpectedReply, "lease.lua", "the reply is not text")
        }
        return holder
    }
}
