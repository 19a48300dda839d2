import Glibc

/// What tells a file from any other on this machine, whatever its name: its device and inode.
package struct FileIdentity: Equatable, Sendable, CustomStringConvertible {
    private let device: dev_t
    private let inode: ino_t

    /// The file of that name; nil if there is none, or it can't be looked at.
    package init?(path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        (device, inode) = (facts.st_dev, facts.st_ino)
    }

    /// The file that is open there.
    package init(descriptor: Int32) {
        var facts = stat()
        precondition(fstat(descriptor, &facts) == 0, "not a descriptor")
        (device, inode) = (facts.st_dev, facts.st_ino)
    }

    package var description: String { "\(device):\(inode)" }
}
