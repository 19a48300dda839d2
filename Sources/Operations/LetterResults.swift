package import OrderStore
package import Shared

/// What came of each dead letter of an operation, as it travels:
/// `{"results":[{"id":…,"outcome":…,"message":…}]}`, and `resolution` where it was skipped.
package struct LetterResults: Equatable, Sendable {
    package var results: [LetterResult]

    package init(_ results: [LetterResult]) { self.results = results }

    package var json: String {
        var text = ByteBuffer(capacity: 1024)
        text.append("{")
        text.appendMember("results", each: results) { $1.append(to: &$0) }
        text.append("}")
        return text.string
    }

    /// nil where the text is something else.
    package init?(parsing bytes: Span<UInt8>) {
        do throws(JSONReader.Failure) {
            var reader = JSONReader(bytes)
            results = []
            try reader.beginObject()
            guard let name = try reader.member(), name.value(in: bytes) == "results" else { return nil }
            try reader.beginArray()
            while try reader.element() {
                guard let result = try Self.result(&reader, bytes) else { return nil }
                results.append(result)
            }
            guard try reader.member() == nil else { return nil }
            try reader.end()
        } catch {
            return nil
        }
    }

    private static func result(
        _ reader: inout JSONReader, _ bytes: Span<UInt8>
    ) throws(JSONReader.Failure) -> LetterResult? {
        var texts: [String: String] = [:]
        try reader.beginObject()
        while let name = try reader.member() {
            texts[name.value(in: bytes) ?? ""] = try reader.text(in: bytes)
        }
        guard let id = texts["id"], let outcome = texts["outcome"].flatMap({ LetterResult.Outcome(rawValue: $0) })
        else {
            return nil
        }
        return LetterResult(
            id: id, outcome: outcome, message: texts["message"] ?? "",
            resolution: texts["resolution"].flatMap { Letter.Resolution(rawValue: $0) })
    }
}

extension LetterResult {
    package func append(to text: inout ByteBuffer) {
        text.append("{")
        text.appendMember("id", id)
        text.appendMember("outcome", outcome.rawValue)
        text.appendMember("message", message)
        if let resolution { text.appendMember("resolution", resolution.rawValue) }
        text.append("}")
    }
}
