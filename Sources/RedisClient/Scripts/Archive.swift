import LuaScripts
package import Shared

extension BlockingRedis {
    /// Why a step of archiving was refused; nothing was done.
    package enum ArchiveRefusal: Int, Error, Sendable {
        /// There is no such sale, or another one of its name.
        case unknownSale = 0
        case fenced = -1
        /// First step: the sale has not ended. Last step: an entry follows the archive event.
        case notEnded = -2
        /// An entry is unread, or not acknowledged.
        case pending = -3
    }

    /// Adds the archive event to the stream, unless it is there already (archive.lua); returns its id.
    package func beginArchive(_ sale: SaleID, uuid: String) throws(RedisError) -> Result<String, ArchiveRefusal> {
        let keys = SaleKeys(sale)
        let reply = try run(ScriptCall(.archive, keys: [keys.sale, keys.orders], [facts.runID, uuid]))
        // An id is not read as an integer, though it begins with one.
        if let code = reply.integer { return .failure(ArchiveRefusal(rawValue: code) ?? .unknownSale) }
        guard let id = reply.string else { throw RedisError(.unexpectedReply, "archive.lua", "not an id") }
        return .success(id)
    }
}
