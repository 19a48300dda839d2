import LuaScripts
import Shared

extension BlockingRedis {
    /// Deletes an entry of a stream and appends another one (replace.lua), or none if there are no `fields`.
    package func replace(_ id: String, of stream: String, by fields: [[UInt8]]) throws(RedisError) {
        let call = ScriptCall(.replace, keys: [stream], [SaleKeys.group, id])
        for field in fields { call.append(RedisArgument(field)) }
        try run(call)
    }
}
