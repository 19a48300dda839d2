package import Foundation
import Glibc

/// A program that a test started: ended by its id when the test is done with it, whatever happened.
package final class ChildProcess: @unchecked Sendable {
    // Process is not Sendable; each child is driven by the one test that started it.
    private let process: Process
    /// Where the child's stderr goes, for assertions and for the reader of a failed test.
    package let errorLog: URL

    /// What every child has besides its own environment: PATH, and how a sanitizer is to behave where the tests run under one.
    private static let shared: [String: String] = {
        let options = ProcessInfo.processInfo.environment.filter { ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key) }
        return options.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { _, path in path }
    }()

    /// Starts `program` with exactly this environment (and what all children share).
    package init(
        _ program: URL, _ arguments: [String] = [], environment: [String: String] = [:], errorLog: URL,
        output: FileHandle? = nil
    ) throws {
        process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment.merging(Self.shared) { own, _ in own }
        _ = FileManager.default.createFile(atPath: errorLog.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: errorLog)
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        self.errorLog = errorLog
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    package var id: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }

    /// Sends a signal, SIGTERM where none is named.
    package func signal(_ number: Int32 = SIGTERM) { kill(process.processIdentifier, number) }

    /// Waits for the end: the exit code, or the negative number of the signal that ended it.
    @discardableResult
    package func wait() -> Int32 {
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// What it has written to stderr so far.
    package var errors: String { (try? String(contentsOf: errorLog, encoding: .utf8)) ?? "" }

    /// One of our own programs (`sale-api`, `sale-worker`, `salectl`, `stampede`), built beside the tests.
    package static func product(_ name: String) -> URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name)
    }

    /// Runs a program to its end: its exit code, output and errors.
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

/// How many times as long as usual a test waits for programs: they are slower under a sanitizer (`script/test --sanitize`).
package let patience = ProcessInfo.processInfo.environment["SALE_TEST_PATIENCE"].flatMap { Int($0) } ?? 1

/// Polls until `condition` holds; false after `seconds`. For things that another process does in its own time: the
/// bound only keeps a broken test from hanging, it decides nothing about speed.
package func eventually(seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = Date(timeIntervalSinceNow: seconds * Double(patience))
    while Date() < end {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
