extension String {
    private static let columns = 118

    /// The text wrapped for a terminal, for `--help`: lines of at most 118 characters, all but the first indented by
    /// `indent`.
    package func wrapped(indent: Int) -> String {
        var lines = [""]
        for word in split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= Self.columns - indent {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }
}
