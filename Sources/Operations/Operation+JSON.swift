import OrderStore
import Shared

extension Operation {
    /// Why a text is not an operation.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The body of the request to the worker.
    package var json: String {
        ByteBuffer.json { text in
            switch self {
            case .redrive(let letters): append("redrive", letters, to: &text)
            case .discard(let letters): append("discard", letters, to: &text)
            case .erase(let sale, let buyer, let reason):
                text.appendMember("operation", "erase")
                text.appendMember("sale", sale)
                text.appendMember("buyer", buyer)
                text.appendMember("reason", reason)
            }
        }
    }

    private func append(_ name: String, _ letters: DeadLetters, to text: inout ByteBuffer) {
        text.appendMember("operation", name)
        text.appendMember("sale", letters.sale)
        text.appendMember("ids", letters.ids)
        text.appendMember("reason", letters.reason)
        text.appendMember("dry_run", letters.isRehearsal)
    }

    /// Reads what `json` writes. Only `dry_run` may be missing; an unknown or repeated member is refused.
    package init(parsing bytes: Span<UInt8>) throws(Malformed) {
        guard bytes.count <= Self.bytesMax else {
            throw Malformed(description: "it has more than \(Self.bytesMax) bytes")
        }
        let members: Members
        do throws(JSONReader.Failure) {
            members = try Members(bytes)
        } catch {
            throw Malformed(description: "it is not the JSON of an operation")
        }
        guard let sale = SaleID(members.texts["sale"] ?? "") else {
            throw Malformed(description: "sale is not the name of a sale")
        }
        let reason = members.texts["reason"] ?? ""
        guard !reason.isEmpty, reason.utf8.count <= Self.reasonBytesMax else {
            throw Malformed(description: "reason must have 1 to \(Self.reasonBytesMax) bytes")
        }
        switch members.texts["operation"] {
        case "redrive": self = .redrive(try members.letters(sale, reason))
        case "discard": self = .discard(try members.letters(sale, reason))
        case "erase":
            guard let buyer = members.texts["buyer"], BuyerName.isValid(buyer), members.ids == nil,
                members.isRehearsal == nil
            else { throw Malformed(description: "buyer must be printable ASCII without space, 1 to 128 bytes") }
            self = .erase(sale: sale, buyer: buyer, reason: reason)
        default: throw Malformed(description: "operation must be redrive, discard or erase")
        }
    }
}

/// The members of any operation.
private struct Members {
    var texts: [String: String] = [:]
    var ids: [String]?
    var isRehearsal: Bool?

    init(_ bytes: Span<UInt8>) throws(JSONReader.Failure) {
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let name = try reader.member() {
            switch name.value(in: bytes) {
            case "ids":
                guard ids == nil else { throw .malformed }
                ids = try Self.strings(&reader, bytes)
            case "dry_run":
                guard isRehearsal == nil else { throw .malformed }
                isRehearsal = try reader.boolean()
            case let name? where ["operation", "sale", "buyer", "reason"].contains(name):
                guard texts.updateValue(try reader.text(in: bytes), forKey: name) == nil else { throw .malformed }
            default: throw .malformed
            }
        }
        try reader.end()
    }

    private static func strings(
        _ reader: inout JSONReader, _ bytes: Span<UInt8>
    ) throws(JSONReader.Failure) -> [String] {
        var strings: [String] = []
        try reader.beginArray()
        while try reader.element() { strings.append(try reader.text(in: bytes)) }
        return strings
    }

    func letters(_ sale: SaleID, _ reason: String) throws(Operation.Malformed) -> Operation.DeadLetters {
        guard texts["buyer"] == nil else { throw Operation.Malformed(description: "buyer is not for dead letters") }
        guard let ids, (1...Operation.DeadLetters.idsMax).contains(ids.count), ids.allSatisfy(StreamID.isValid)
        else {
            throw Operation.Malformed(description: "ids must be 1 to \(Operation.DeadLetters.idsMax) stream ids")
        }
        return Operation.DeadLetters(sale: sale, ids: ids, reason: reason, isRehearsal: isRehearsal ?? false)
    }
}
