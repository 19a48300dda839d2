/// The scripts of this folder, embedded at build time, so a binary can never run another release's script.
package struct LuaScript: Sendable {
    /// The file's name without its extension.
    package let name: String
    package let source: [UInt8]

    /// Decides a batch of purchases.
    package static let purchase = LuaScript(name: "purchase", source: PackageResources.purchase_lua)
    /// Creates a sale.
    package static let create = LuaScript(name: "create", source: PackageResources.create_lua)
    /// Pauses, resumes, closes.
    package static let control = LuaScript(name: "control", source: PackageResources.control_lua)
    /// Changes the stock.
    package static let restock = LuaScript(name: "restock", source: PackageResources.restock_lua)
    /// Changes the title, the times and, before opening, the stock.
    package static let set = LuaScript(name: "set", source: PackageResources.set_lua)
    /// Adds a sale's last event to its stream.
    package static let archive = LuaScript(name: "archive", source: PackageResources.archive_lua)
    /// Frees the memory of an archived sale.
    package static let free = LuaScript(name: "free", source: PackageResources.free_lua)
    /// A sale at one instant.
    package static let status = LuaScript(name: "status", source: PackageResources.status_lua)
    /// What a buyer has won.
    package static let lookup = LuaScript(name: "lookup", source: PackageResources.lookup_lua)
    /// Lifts the fence.
    package static let stamp = LuaScript(name: "stamp", source: PackageResources.stamp_lua)
    /// Acknowledges stored entries.
    package static let acknowledge = LuaScript(name: "acknowledge", source: PackageResources.acknowledge_lua)
    /// Moves an entry to the dead letters.
    package static let deadletter = LuaScript(name: "deadletter", source: PackageResources.deadletter_lua)
    /// Completes a sale that Redis has lost, in part or whole.
    package static let repair = LuaScript(name: "repair", source: PackageResources.repair_lua)
    /// Records the highest position that an API process has confirmed to a buyer.
    package static let witness = LuaScript(name: "witness", source: PackageResources.witness_lua)
    /// Replaces a buyer's name by the erased one.
    package static let erase = LuaScript(name: "erase", source: PackageResources.erase_lua)
    /// Replaces a stream entry by another.
    package static let replace = LuaScript(name: "replace", source: PackageResources.replace_lua)
    /// Gives positions in a waiting room.
    package static let join = LuaScript(name: "join", source: PackageResources.join_lua)
    /// A waiting room at one instant.
    package static let queue = LuaScript(name: "queue", source: PackageResources.queue_lua)
    /// Changes the rate of a waiting room.
    package static let admit = LuaScript(name: "admit", source: PackageResources.admit_lua)
    /// Puts withheld units back on sale.
    package static let release = LuaScript(name: "release", source: PackageResources.release_lua)
}
