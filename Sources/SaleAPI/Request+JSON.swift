import HTTPEdge
import Shared

extension Request {
    /// Whether its fields say that its body is JSON: `application/json`, with or without parameters, and not encoded.
    var saysJSON: Bool {
        guard let type = value(of: "content-type"), count(of: "content-encoding") == 0 else { return false }
        var end = type.firstIndex(of: UInt8(ascii: ";")) ?? type.count
        while end > 0, type[end - 1] == UInt8(ascii: " ") || type[end - 1] == UInt8(ascii: "\t") { end -= 1 }
        return type.extracting(0..<end).equalsIgnoringCase("application/json")
    }
}
