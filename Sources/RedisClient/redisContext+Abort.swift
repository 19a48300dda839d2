internal import CHiredis
import Glibc

/// What was given up is done again, perhaps elsewhere and with another outcome. So its first copy must not arrive
/// minutes later, when a lost network is back: it could sell what its buyers were refused, or restock twice.
extension redisContext {
    /// Makes the kernel discard what it has not sent once the connection is closed, be it by the end of this process,
    /// instead of sending it until it arrives (SO_LINGER of 0, tcp(7)).
    func discardUnsentOnClose() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }

    /// Ends the connection and discards what is unsent now, before hiredis closes it (AF_UNSPEC, connect(2)).
    func abort() {
        var nobody = sockaddr()
        nobody.sa_family = sa_family_t(AF_UNSPEC)
        connect(fd, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
    }
}
