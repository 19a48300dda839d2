import EventLoop
import Glibc
import Shared

/// `salectl`: finds the command, runs it, and ends with its exit code.
@main
enum SaleCtlMain {
    static func main() {
        Program.holdStandardDescriptors()
        ignoreBrokenPipes()
        var line = Array(CommandLine.arguments.dropFirst())
        if line.first == "help", line.count > 1 { line = line.dropFirst() + ["--help"] }
        switch line.first {
        case nil:
            Output.error(help)
            exit(ExitCode.usage)
        case "--help", "-h", "help": return show(help)
        case "--version": return show(version)
        default: break
        }
        guard let command = Command.all.first(where: { line.starts(with: $0.words) }) else {
            let family = Command.all.filter { $0.name.hasPrefix("\(line[0]) ") }
            if let first = family.first {
                if ["--help", "-h"].contains(line.dropFirst().first) { return show(lines(of: family)) }
                let names = family.map { $0.name.dropFirst(line[0].count + 1) }.joined(separator: ", ")
                fail("\(line[0]) needs one of \(names); see salectl \(first.name) --help", ExitCode.usage)
            }
            fail("unknown command \(line[0]); see salectl --help", ExitCode.usage)
        }
        let rest = Array(line.dropFirst(command.words.count))
        if rest.contains("--help") || rest.contains("-h") { return show(help(of: command)) }
        if rest.contains("--version") { return show(version) }
        do {
            exit(try command.run(rest, Context(environment: Environment(Program.environment()))))
        } catch let error as Arguments.UsageError {
            let problem = error.missingWord.map { "\(command.argument($0)) is missing" } ?? error.description
            fail("\(command.name): \(problem); see salectl \(command.name) --help", ExitCode.usage)
        } catch {
            let failure = CommandFailure(error)
            fail("\(command.name): \(failure.message)", failure.code)
        }
    }

    private static let version = "salectl \(Release.version)"

    private static func help(of command: Command) -> String {
        let details = command.details.isEmpty ? "" : "\n\n\(command.details)"
        let usage = "usage: salectl \(command.name) \(command.synopsis)".wrapped(indent: 15)
        return "\(usage)\n\n\(command.summary)\(details)"
    }

    private static var help: String {
        """
        salectl: the operator's command line.

        usage: salectl COMMAND … [--help | --version]
               salectl help COMMAND

        \(lines(of: Command.all))

        For more, see salectl COMMAND --help. Settings are environment variables:
        \(Setting.table([
                .redisURL, .redisPasswordFile, .redisReplicas, .database, .opsListen, .opsTokenFile, .jwksFile,
                .jwtAudience, .jwtIssuer, .receiptKeyFile,
            ]))

        Exit codes: 0 done; 1 the answer is no, to the question in the command's own help; 64 usage; 65 a file is
        malformed, or proves nothing; 66 no such sale or file; 69 Redis, the database or the worker can't be used,
        or refuses; 70 a bug in salectl; 73 can't be created, or can't be changed to that; 74 the output can't be
        written; 75 temporary: the change may have been applied, or can't be made right now, and the message says
        which; 77 the worker's listener refuses the token; 78 a setting is wrong.
        """
    }

    private static func lines(of commands: [Command]) -> String {
        let width = commands.map(\.name.count).max() ?? 0
        return commands.map { "  \($0.name.padded(to: width))  \($0.summary)" }.joined(separator: "\n")
    }

    private static func show(_ text: String) { Output.line(text) }

    private static func fail(_ message: String, _ code: Int32) -> Never { Program.fail("salectl", message, code) }
}

extension Command {
    fileprivate var words: [String] { name.split(separator: " ").map(String.init) }

    /// What the synopsis calls an argument that a command requires: these come first in it.
    fileprivate func argument(_ index: Int) -> Substring { synopsis.split(separator: " ")[index] }
}
