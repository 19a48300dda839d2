import HTTPEdge
import Shared

/// Reads the body of a join. A pure function of the bytes.
enum JoinRequest {
    /// What is wrong with the body; nil if it is empty or an empty object.
    static func fault(_ request: borrowing Request) -> Problem? {
        if request.body.isEmpty { return nil }
        guard request.saysJSON else { return .unsupportedMediaType }
        return isEmptyObject(request.body) ? nil : .queueBodyMalformed
    }

    private static func isEmptyObject(_ body: Span<UInt8>) -> Bool {
        do throws(JSONReader.Failure) {
            var reader = JSONReader(body)
            try reader.beginObject()
            guard try reader.member() == nil else { return false }
            try reader.end()
            return true
        } catch {
            return false
        }
    }
}
