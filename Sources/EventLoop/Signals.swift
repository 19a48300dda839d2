import CLinux
import Glibc

/// Signals as events of the loop. They are blocked and read from a signalfd, so no code ever runs in a signal handler.
package final class Signals: EventHandler {
    private let descriptor: Int32
    private let handle: (Int32) -> Void

    /// Delivers each of `signals` to `handle`. Make it before any thread is started, so that all threads block them.
    package init(_ signals: [Int32], on loop: EventLoop, _ handle: @escaping (Int32) -> Void) throws(SystemError) {
        self.handle = handle
        guard CLinux_block_signals(signals, Int32(signals.count)) == 0 else { throw SystemError("pthread_sigmask") }
        descriptor = CLinux_signalfd(signals, Int32(signals.count))
        guard descriptor >= 0 else { throw SystemError("signalfd") }
        try loop.register(descriptor, for: .readable, self)
    }

    package func ready(_ readiness: Readiness) {
        var info = signalfd_siginfo()
        while read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
            handle(Int32(info.ssi_signo))
        }
    }
}

/// Lets writes to a closed connection fail with EPIPE instead of ending the process.
package func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
