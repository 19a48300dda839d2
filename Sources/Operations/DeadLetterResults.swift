package import OrderStore
package import Shared

/// The results of an operation on dead letters, and their JSON:
/// `{"results":[{"id":…,"outcome":…,"message":…}]}`, with `resolution` in a result that was skipped.
package struct DeadLetterResults: Equatable, Sendable {
    package var results: [DeadLetterResult]

    package init(_ results: [DeadLetterResult]) { self.results = results }

    package var json: String {
        ByteBuffer.json { $0.appendMember("results", objects: results) { $1.append(to: &$0) } }
    }

    /// nil for any other text.
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
    ) throws(JSONReader.Failure) -> DeadLetterResult? {
        var texts: [String: String] = [:]
        try reader.beginObject()
        while let name = try reader.member() {
            texts[name.value(in: bytes) ?? ""] = try reader.text(in: bytes)
        }
        guard let id = texts["id"], let outcome = texts["outcome"].flatMap({ DeadLetterResult.Outcome(rawValue: $0) })
        else {
            return nil
        }
        return DeadLetterResult(
            id: id, outcome: outcome, message: texts["message"] ?? "",
            resolution: texts["resolution"].flatMap { DeadLetter.Resolution(rawValue: $0) })
    }
}

extension DeadLetterResult {
    /// Appends all members, without braces.
    package func append(to text: inout ByteBuffer) {
        text.appendMember("id", id)
        text.appendMember("outcome", outcome.rawValue)
        text.appendMember("message", message)
        if let resolution { text.appendMember("resolution", resolution.rawValue) }
    }
}
