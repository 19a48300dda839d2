extension String {
    /// Its words in lines of at most `columns` characters, those after the first indented by `indent`: what `--help` prints is read on
    /// a terminal.
    package func wrapped(to columns: Int = 118, indent: Int) -> String {
        var lines = [""]
        for word in split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= columns - indent {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }
}
