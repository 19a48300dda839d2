package import LuaScripts
import Shared

/// A script, and the name under which Redis caches it: the SHA-1 of its text.
package struct Script: Sendable {
    package let name: String
    package let source: [UInt8]
    package let sha: String

    package init(_ script: LuaScript) {
        name = script.name
        #if DEBUG
            let source = PlantedBug.planted(in: script)
        #else
            let source = script.source
        #endif
        self.source = source
        sha = Crypto.sha1Hex(source.span)
    }

    package static let purchase = Script(.purchase)
    package static let create = Script(.create)
    package static let control = Script(.control)
    package static let restock = Script(.restock)
    package static let set = Script(.set)
    package static let archive = Script(.archive)
    package static let free = Script(.free)
    package static let status = Script(.status)
    package static let lookup = Script(.lookup)
    package static let stamp = Script(.stamp)
    package static let acknowledge = Script(.acknowledge)
    package static let deadletter = Script(.deadletter)
    package static let repair = Script(.repair)
    package static let witness = Script(.witness)
    package static let erase = Script(.erase)
    package static let replace = Script(.replace)
    package static let release = Script(.release)
    package static let join = Script(.join)
    package static let queue = Script(.queue)
    package static let admit = Script(.admit)
}
