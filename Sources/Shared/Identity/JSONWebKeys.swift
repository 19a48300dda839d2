/// A JSON Web Key Set (RFC 7517) as written, before its keys are checked.
enum JSONWebKeys {
    /// The string members of each element of `keys`. Strings are still escaped.
    static func entries(_ json: Span<UInt8>) throws(JSONReader.Failure) -> [[String: String]] {
        var entries: [[String: String]] = []
        var reader = JSONReader(json)
        try reader.beginObject()
        while let name = try reader.member() {
            guard json.extracting(name.range).equals("keys") else {
                try reader.skip()
                continue
            }
            try reader.beginArray()
            while try reader.element() {
                var entry: [String: String] = [:]
                try reader.beginObject()
                while let member = try reader.member() {
                    let kind = try reader.peek()
                    if kind == .string {
                        let value = try reader.string()
                        entry[json.extracting(member.range).string] = json.extracting(value.range).string
                    } else {
                        try reader.skip()
                    }
                }
                entries.append(entry)
            }
        }
        try reader.end()
        return entries
    }
}
