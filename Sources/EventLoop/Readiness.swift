import CLinux

/// What a descriptor is watched for, or is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    // From another module, OptionSet's own members and literals are generic calls: a twentieth of a decision's
    // instructions.
    package init(readable: Bool, writable: Bool) {
        rawValue = (readable ? CLinux_EPOLLIN : 0) | (writable ? CLinux_EPOLLOUT : 0)
    }

    package var isReadable: Bool { rawValue & CLinux_EPOLLIN != 0 }
    package var isWritable: Bool { rawValue & CLinux_EPOLLOUT != 0 }
    /// Both directions are closed, or the descriptor is in error. Reported even if it is not watched for.
    package var hasHungUp: Bool { rawValue & (CLinux_EPOLLHUP | CLinux_EPOLLERR) != 0 }

    package static let readable = Readiness(rawValue: CLinux_EPOLLIN)
    package static let writable = Readiness(rawValue: CLinux_EPOLLOUT)
}
