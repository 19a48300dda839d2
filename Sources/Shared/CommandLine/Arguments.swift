/// A parsed command line: `--name value` or `--name=value` options, flags, and words. The command declares which it
/// knows.
package struct Arguments: Sendable {
    /// What is wrong with a command line, in one sentence. Programs print it and exit with `ExitCode.usage`.
    package struct UsageError: Error, Equatable, CustomStringConvertible {
        package let description: String
        /// The index of the word that is missing, if one is: only the command knows what it calls it.
        package let missingWord: Int?

        package init(_ description: String, missingWord: Int? = nil) {
            self.description = description
            self.missingWord = missingWord
        }
    }

    /// The arguments that are not options, in order.
    package let words: [String]
    private var values: [String: [String]] = [:]
    private var flags: Set<String> = []

    /// - Parameters:
    ///   - options: the options that take a value.
    ///   - flags: the options that take none.
    ///   - words: how many words are allowed.
    package init(
        _ line: some Sequence<String>, options: Set<String>, flags: Set<String> = [], words: ClosedRange<Int> = 0...0
    ) throws(UsageError) {
        var rest: [String] = []
        var iterator = line.makeIterator()
        while let word = iterator.next() {
            if word == "--" {
                while let word = iterator.next() { rest.append(word) }
                break
            }
            guard word.hasPrefix("--") else {
                rest.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if flags.contains(name) {
                guard parts.count == 1 else { throw UsageError("\(name) takes no value") }
                self.flags.insert(name)
            } else if options.contains(name) {
                // `--reason --dry-run` has forgotten the reason, and must not lose the flag as well. Whoever means such
                // a value writes `--reason=--dry-run`.
                let value = parts.count == 2 ? String(parts[1]) : iterator.next()
                guard let value, parts.count == 2 || !value.hasPrefix("--") else {
                    throw UsageError("\(name) needs a value")
                }
                values[name, default: []].append(value)
            } else {
                throw UsageError("unknown option \(name)")
            }
        }
        guard rest.count <= words.upperBound else {
            throw UsageError("unexpected argument \"\(rest[words.upperBound])\"")
        }
        guard rest.count >= words.lowerBound else {
            throw UsageError("an argument is missing", missingWord: rest.count)
        }
        self.words = rest
    }

    package func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// Every value given for an option, in order.
    package func all(_ option: String) -> [String] { values[option] ?? [] }

    /// The value of an option that may be given at most once.
    package func value(_ option: String) throws(UsageError) -> String? {
        let given = all(option)
        guard given.count <= 1 else { throw UsageError("\(option) is given twice") }
        return given.first
    }

    package func required(_ option: String) throws(UsageError) -> String {
        guard let value = try value(option) else { throw UsageError("\(option) is missing") }
        return value
    }

    /// A whole number within `range`.
    package func integer(_ option: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = try value(option) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError("\(option) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A duration such as `250ms`, `30s`, `5m` or `2h`, up to a year, in milliseconds.
    package func duration(_ option: String) throws(UsageError) -> Int? {
        guard let text = try value(option) else { return nil }
        guard let milliseconds = DurationText.milliseconds(text), milliseconds > 0 else {
            throw UsageError("\(option) must be a duration, of a year (8760h) at most, such as 250ms, 30s, 5m or 2h")
        }
        return milliseconds
    }

    /// The sale named by a word or an option.
    package static func sale(_ text: String) throws(UsageError) -> SaleID {
        guard let sale = SaleID(text) else {
            throw UsageError("\"\(text)\" is not a sale name: 1 to 32 characters from a-z, 0-9 and -")
        }
        return sale
    }
}
