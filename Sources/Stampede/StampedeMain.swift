import EventLoop
import Glibc
import Shared

/// `stampede`: makes the buyers' tokens, lets the buyers press, and reports the answers.
@main
enum StampedeMain {
    /// Tokens outlive any run.
    private static let tokenLifeSeconds = 24 * 3600
    private static let ownDescriptors = 32

    static func main() {
        Program.holdStandardDescriptors()
        let line = Array(CommandLine.arguments.dropFirst())
        if line.contains("--help") || line.contains("-h") { return printLine(Options.help) }
        if line.contains("--version") { return printLine("stampede \(Release.version)") }
        let options: Options
        do throws(Arguments.UsageError) {
            options = try Options(line)
        } catch {
            fail("\(error); see stampede --help", ExitCode.usage)
        }
        let log = openLog(options.logPath)
        let limit = Program.raiseDescriptorLimit(to: options.connections + ownDescriptors)
        guard limit >= options.connections + ownDescriptors else {
            fail(
                "--connections \(options.connections) needs more descriptors than the \(limit) allowed",
                ExitCode.osError)
        }
        ignoreBrokenPipes()
        let buyers = makeBuyers(options)
        do throws(SystemError) {
            let loop = try EventLoop()
            let stampede = Stampede(options, buyers: buyers, log: log, loop: loop, progress: say)
            let signals = try Signals([SIGINT, SIGTERM], on: loop) { _ in
                // Whoever sends a second one does not want to wait.
                if stampede.isInterrupted { exit(ExitCode.interrupted) }
                stampede.interrupt()
            }
            defer { endProgress() }
            try withExtendedLifetime(signals) { () throws(SystemError) in try stampede.run() }
            endProgress()
            if let failure = stampede.logFailure {
                fail("the log \(options.logPath ?? "") is incomplete: \(failure)", ExitCode.cantCreate)
            }
            let report = Report(
                buyers, start: stampede.start, attempts: stampede.attempts, cpuMicroseconds: stampede.cpuMicroseconds)
            printLine(options.json ? report.json : report.text)
            if report.errors > 0 {
                for failure in stampede.failures.lines { note(failure) }
                if buyers.contradictions > 0 { note("\(buyers.contradictions) × secured and sold out") }
            }
            if stampede.isInterrupted {
                note("interrupted: \(buyers.unanswered) of \(buyers.count) buyers have no final answer")
                exit(ExitCode.interrupted)
            }
            exit(report.isRight ? ExitCode.ok : ExitCode.negative)
        } catch {
            fail(error.description, ExitCode.osError)
        }
    }

    private static func openLog(_ path: String?) -> AttemptLog? {
        guard let path else { return nil }
        do throws(FileError) {
            return try AttemptLog(path: path)
        } catch {
            fail("--log \(path) can't be written: \(error)", ExitCode.cantCreate)
        }
    }

    private static func makeBuyers(_ options: Options) -> Buyers {
        let environment = Environment(Program.environment())
        do throws(ConfigurationError) {
            let mint = TokenMint(
                keys: try environment.keySet(), audience: environment[.jwtAudience], issuer: environment[.jwtIssuer])
            let now = UnixMilliseconds.now.value / 1000
            return Buyers(
                count: options.buyers, mint: mint, expiresAt: now + tokenLifeSeconds, issuedAt: now,
                progress: { say("signing tokens: \($0) of \(options.buyers)") })
        } catch {
            fail(error.description, ExitCode.config)
        }
    }

    /// Prints progress on stderr: redrawn on a terminal, otherwise a line each time.
    private static func say(_ text: String) {
        guard isatty(2) == 1 else { return note(text) }
        let bytes = Array("\r\u{1B}[K\(text)".utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// Prints a line on stderr.
    private static func note(_ text: String) {
        let bytes = Array("stampede: \(text.oneLine)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// Removes the progress from a terminal: what follows has its own lines.
    private static func endProgress() { if isatty(2) == 1 { _ = write(2, "\r\u{1B}[K", 4) } }

    private static func printLine(_ text: String) { Program.print("stampede", line: text) }

    private static func fail(_ message: String, _ code: Int32) -> Never { Program.fail("stampede", message, code) }
}
