import Glibc

/// What all our programs need from their process.
package enum Program {
    /// The environment of this process.
    package static func environment() -> [String: String] {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return values
    }

    /// Opens those of the standard descriptors that whoever started us has closed. Otherwise a file or a connection
    /// would get the number, and what we print would go there. Reading from them finds nothing, writing to them fails
    /// (EBADF).
    package static func holdStandardDescriptors() {
        var descriptor: Int32
        // The system gives the lowest number that is free.
        repeat { descriptor = open("/dev/null", O_RDONLY) } while 0...2 ~= descriptor
        if descriptor > 2 { close(descriptor) }
    }

    /// Begins a server, whose command line has no arguments: holds the standard descriptors, and prints the help or the
    /// version if that is asked for. False if that was all. Ends the program if there is any other argument.
    package static func begins(_ program: String, help: String) -> Bool {
        holdStandardDescriptors()
        switch CommandLine.arguments.dropFirst().first {
        case nil: return true
        case "--help", "-h": print(program, line: help)
        case "--version": print(program, line: "\(program) \(Release.version)")
        case let other?: fail(program, "unknown argument \(other); see \(program) --help", ExitCode.usage)
        }
        return false
    }

    /// Prints text on stdout. False if its reader has gone, as in `salectl watch ID | head`: nobody misses the rest,
    /// but the command still has to be finished, and its exit code is still read. Ends the program if the text can't be
    /// written for another reason.
    @discardableResult
    package static func print(_ program: String, _ text: Span<UInt8>) -> Bool {
        do throws(FileError) {
            try File.write(text, to: 1)
            return true
        } catch {
            guard error.code == EPIPE else { fail(program, "the output can't be written: \(error)", ExitCode.io) }
            return false
        }
    }

    /// Prints a line on stdout.
    package static func print(_ program: String, line: String) { _ = "\(line)\n".withBytes { print(program, $0) } }

    /// Prints why on stderr, in one line, and ends the program.
    package static func fail(_ program: String, _ message: String, _ code: Int32) -> Never {
        let line = Array("\(program): \(message.oneLine)\n".utf8)
        _ = write(2, line, line.count)
        exit(code)
    }

    /// Raises the limit on open descriptors to `wanted`, or as far as the system allows, and returns the new limit.
    @discardableResult
    package static func raiseDescriptorLimit(to wanted: Int) -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        if limit.rlim_cur < rlim_t(wanted) {
            limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
            _ = setrlimit(resource, &limit)
            _ = getrlimit(resource, &limit)
        }
        return limit.rlim_cur > rlim_t(Int.max) ? Int.max : Int(limit.rlim_cur)
    }
}
