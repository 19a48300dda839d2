package import Foundation
import Glibc

/// A program that a test started. It is ended by its id when the test releases it, whatever happened.
package final class ChildProcess: @unchecked Sendable {
    // Unchecked, because only the test that started it uses it.
    package let id: pid_t
    /// The result of `wait`, once the child has been waited for. From then on its id may belong to another process.
    private var ending: Int32?
    /// Where the child's stderr goes, for assertions and for whoever reads a failed test.
    package let errorLog: URL

    /// What every child gets besides its own environment: PATH, and the sanitizer's options if the tests run under one.
    private static let shared: [String: String] = {
        let options = ProcessInfo.processInfo.environment.filter { ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key) }
        return options.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { _, path in path }
    }()

    /// Starts `program` with exactly this environment, and what all children get.
    package init(
        _ program: URL, _ arguments: [String] = [], environment: [String: String] = [:], errorLog: URL,
        input: FileHandle? = nil, output: FileHandle? = nil
    ) throws {
        _ = FileManager.default.createFile(atPath: errorLog.path, contents: nil)
        self.errorLog = errorLog
        id = try spawn(
            program.path, arguments, environment: environment.merging(Self.shared) { own, _ in own },
            standard: [input, output, FileHandle(forWritingTo: errorLog)])
    }

    deinit {
        stop(SIGKILL)
    }

    package var isRunning: Bool {
        if ending == nil { reap(WNOHANG) }
        return ending == nil
    }

    /// Sends a signal, by default SIGTERM. A child that has been waited for gets none.
    package func signal(_ number: Int32 = SIGTERM) {
        if ending == nil { kill(id, number) }
    }

    /// Waits for the end, and returns the exit code, or the negative number of the signal that ended it.
    @discardableResult
    package func wait() -> Int32 {
        while ending == nil { reap(0) }
        return ending!
    }

    /// Sends a signal, by default SIGTERM, waits for the end, and returns what `wait` does.
    @discardableResult
    package func stop(_ number: Int32 = SIGTERM) -> Int32 {
        signal(number)
        return wait()
    }

    private func reap(_ options: Int32) {
        var status: Int32 = 0
        let reaped = waitpid(id, &status, options)
        precondition(reaped >= 0 || errno == EINTR, "somebody else has waited for this child")
        guard reaped == id else { return }
        // <sys/wait.h>: the low 7 bits are the signal that ended it; if they are 0, the exit code is in bits 8 to 15.
        let signal = status & 0x7f
        ending = signal == 0 ? (status >> 8) & 0xff : -signal
    }

    /// What it has written to stderr so far.
    package var errors: String { (try? String(contentsOf: errorLog, encoding: .utf8)) ?? "" }

    /// One of our own programs (`sale-api`, `sale-worker`, `salectl`, `stampede`), built beside the tests.
    package static func product(_ name: String) -> URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name)
    }

    /// Runs a program to its end, and returns its exit code, output and errors.
    package static func run(
        _ program: URL, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        let directory = try TemporaryDirectory()
        let outputURL = directory.url.appendingPathComponent("out")
        _ = FileManager.default.createFile(atPath: outputURL.path, contents: nil)
        let child = try ChildProcess(
            program, arguments, environment: environment, errorLog: directory.url.appendingPathComponent("err"),
            output: FileHandle(forWritingTo: outputURL))
        let code = child.wait()
        return (code, try String(contentsOf: outputURL, encoding: .utf8), child.errors)
    }
}

/// How many times longer than usual tests wait for programs, which are slower under a sanitizer (`script/test
/// --sanitize`).
package let patience = ProcessInfo.processInfo.environment["SALE_TEST_PATIENCE"].flatMap { Int($0) } ?? 1

/// Polls until `condition` holds; false after `seconds`. For what another process does in its own time: the bound only
/// keeps a broken test from hanging, and says nothing about speed. A Sentinel on a machine that stood still for two
/// seconds does nothing for 30 (TILT).
package func eventually(seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = Date(timeIntervalSinceNow: seconds * Double(patience))
    while Date() < end {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
