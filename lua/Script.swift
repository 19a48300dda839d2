import Shared

/// A script of this folder, embedded at build time, so that a program can never run another release's script.
///
/// Each file opens with its contract: keys, arguments, reply.
package struct Script: Sendable {
    package let source: [UInt8]
    /// The name under which Redis caches it: the SHA-1 of its text, in hexadecimal.
    package let sha: String

    private init(_ source: [UInt8]) {
        self.source = source
        sha = Crypto.sha1Hex(source.span)
    }

    package static let acknowledge = Script(PackageResources.acknowledge_lua)
    package static let admit = Script(PackageResources.admit_lua)
    package static let archive = Script(PackageResources.archive_lua)
    package static let control = Script(PackageResources.control_lua)
    package static let create = Script(PackageResources.create_lua)
    package static let deadletter = Script(PackageResources.deadletter_lua)
    package static let erase = Script(PackageResources.erase_lua)
    package static let fence = Script(PackageResources.fence_lua)
    package static let free = Script(PackageResources.free_lua)
    package static let join = Script(PackageResources.join_lua)
    package static let lease = Script(PackageResources.lease_lua)
    package static let lookup = Script(PackageResources.lookup_lua)
    #if DEBUG
        package static let purchase = Script(PlantedBug.planted(in: PackageResources.purchase_lua))
    #else
        package static let purchase = Script(PackageResources.purchase_lua)
    #endif
    package static let queue = Script(PackageResources.queue_lua)
    package static let release = Script(PackageResources.release_lua)
    package static let repair = Script(PackageResources.repair_lua)
    package static let replace = Script(PackageResources.replace_lua)
    package static let restock = Script(PackageResources.restock_lua)
    package static let set = Script(PackageResources.set_lua)
    package static let stamp = Script(PackageResources.stamp_lua)
    package static let status = Script(PackageResources.status_lua)
    package static let witness = Script(PackageResources.witness_lua)
}
