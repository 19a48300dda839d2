import Foundation
import Glibc
import TestSupport
import Testing

@Suite("A program that a test starts") struct ChildProcessTests {
    @Test func `receives SIGTERM although the thread that started it has blocked it`() throws {
        let directory = try TemporaryDirectory()
        var blocked = sigset_t()
        var before = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        let child = try ChildProcess(
            URL(fileURLWithPath: "/bin/sleep"), ["600"], errorLog: directory.url.appendingPathComponent("err"))
        pthread_sigmask(SIG_SETMASK, &before, nil)
        child.signal()
        try #require(eventually { !child.isRunning })
        #expect(child.wait() == -SIGTERM)
    }

    @Test func `has nothing open except stdin, stdout and stderr`() throws {
        let ours = open("/dev/null", O_RDONLY)  // as a library would: not closed on exec
        defer { close(ours) }
        // The fourth is the folder itself, which ls reads.
        #expect(try ChildProcess.run(URL(fileURLWithPath: "/bin/ls"), ["/proc/self/fd"]).output == "0\n1\n2\n3\n")
    }

    @Test func `that does not exist is an error`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: POSIXError.self) {
            try ChildProcess(
                URL(fileURLWithPath: "/nowhere"), errorLog: directory.url.appendingPathComponent("err"))
        }
    }
}
