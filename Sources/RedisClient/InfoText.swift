/// What INFO says: lines of `name:value` under headings.
package struct InfoText {
    private var values: [Substring: Substring] = [:]

    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[line.index(after: colon)...]
        }
    }

    /// nil if this server doesn't say.
    package subscript(name: String) -> Substring? { values[name[...]] }

    /// 0 if this server doesn't say.
    func integer(_ name: String) -> Int { self[name].flatMap { Int($0) } ?? 0 }
}
