import Shared

/// A script of this folder, embedded at build time, so that a program can never run another release's script.
///
/// Each file opens with its contract: keys, arguments, reply.
package struct Script: Sendable {
    /// The file's name without its extension.
    package let name: String
    package let source: [UInt8]
    /// The name under which Redis caches it: the SHA-1 of its text, in hexadecimal.
    package let sha: String

    private init(_ name: String, _ source: [UInt8]) {
        #if DEBUG
            let source = PlantedBug.planted(in: name, source)
        #endif
        self.name = name
        self.source = source
        sha = Crypto.sha1Hex(source.span)
    }

    package static let acknowledge = Script("acknowledge", PackageResources.acknowledge_lua)
    package static let admit = Script("admit", PackageResources.admit_lua)
    package static let archive = Script("archive", PackageResources.archive_lua)
    package static let control = Script("control", PackageResources.control_lua)
    package static let create = Script("create", PackageResources.create_lua)
    package static let deadletter = Script("deadletter", PackageResources.deadletter_lua)
    package static let erase = Script("erase", PackageResources.erase_lua)
    package static let fence = Script("fence", PackageResources.fence_lua)
    package static let free = Script("free", PackageResources.free_lua)
    package static let join = Script("join", PackageResources.join_lua)
    package static let lease = Script("lease", PackageResources.lease_lua)
    package static let lookup = Script("lookup", PackageResources.lookup_lua)
    package static let purchase = Script("purchase", PackageResources.purchase_lua)
    package static let queue = Script("queue", PackageResources.queue_lua)
    package static let release = Script("release", PackageResources.release_lua)
    package static let repair = Script("repair", PackageResources.repair_lua)
    package static let replace = Script("replace", PackageResources.replace_lua)
    package static let restock = Script("restock", PackageResources.restock_lua)
    package static let set = Script("set", PackageResources.set_lua)
    package static let stamp = Script("stamp", PackageResources.stamp_lua)
    package static let status = Script("status", PackageResources.status_lua)
    package static let witness = Script("witness", PackageResources.witness_lua)
}
