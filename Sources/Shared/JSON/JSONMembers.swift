/// The strings and numbers of one small JSON object. No name may occur twice: which one counts would depend on the
/// reader.
package struct JSONMembers {
    private var names: Set<String> = []
    private var strings: [String: String] = [:]
    private var numbers: [String: Int] = [:]

    /// - Parameters:
    ///   - numberNames: the members to read as numbers, which must be whole and not negative. Others may be in forms
    ///     that we don't read.
    ///   - signedNames: those that may also be negative.
    package init(
        _ json: Span<UInt8>, numbers numberNames: Set<String> = [], signed signedNames: Set<String> = []
    ) throws(JSONReader.Failure) {
        var reader = JSONReader(json)
        try reader.beginObject()
        while let text = try reader.member() {
            let name = json.extracting(text.range).string
            guard names.insert(name).inserted else { throw .malformed }
            switch try reader.peek() {
            case .string:
                let value = try reader.string()
                // None of our strings needs an escape, and with escapes a string has more than one text.
                if !value.escaped { strings[name] = json.extracting(value.range).string }
            case .number where numberNames.contains(name): numbers[name] = try reader.naturalNumber()
            case .number where signedNames.contains(name): numbers[name] = try reader.integer()
            default: try reader.skip()
            }
        }
        try reader.end()
    }

    package func has(_ name: String) -> Bool { names.contains(name) }

    /// nil if there is no such string, or it has an escape.
    package func string(_ name: String) -> String? { strings[name] }

    package func number(_ name: String) -> Int? { numbers[name] }
}
