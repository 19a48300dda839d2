import Shared

/// Reads a ledger that somebody hands us and says whether it is one history, whole and unchanged. Needs nothing else: a pure
/// function of the text.
package struct LedgerAudit: Sendable {
    /// The first thing that is wrong.
    package struct Fault: Equatable, Sendable {
        /// Line of the text, from 1.
        package let line: Int
        /// Entry of the ledger, where one can be named.
        package let seq: Int?
        /// Position of the order that the line tells of, where it tells of one.
        package let position: Int?
        /// One sentence.
        package let message: String
    }

    /// An order as the ledger tells it.
    package struct Told: Equatable, Sendable {
        package let buyer: String
        package let quantity: Int
        package let securedAtMilliseconds: Int
        package let epoch: Int

        package init(buyer: String, quantity: Int, securedAtMilliseconds: Int, epoch: Int) {
            self.buyer = buyer
            self.quantity = quantity
            self.securedAtMilliseconds = securedAtMilliseconds
            self.epoch = epoch
        }
    }

    package private(set) var fault: Fault?
    /// Where the chain ends, as far as it is whole.
    package private(set) var chain = LedgerChain()
    package private(set) var sale: String?
    package private(set) var uuid: String?
    package private(set) var orders: [Int: Told] = [:]
    /// What the text, or who asked, says that the ledger ends with.
    private var end: LedgerChain?

    /// - Parameters:
    ///   - text: JSON lines, as `salectl ledger export` and `GET …/ledger` write them.
    ///   - head: the end that is known from elsewhere; without it the text's own last line has to name it.
    package init(_ text: Span<UInt8>, head: LedgerChain? = nil) {
        end = head
        var line = 0
        var start = 0
        while start < text.count, fault == nil {
            line += 1
            let stop = text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? text.count
            read(text.extracting(start..<stop), line)
            start = stop + 1
        }
        guard fault == nil else { return }
        checkEnd(line)
    }

    private mutating func checkEnd(_ line: Int) {
        guard let end else {
            return fail(line, "the text does not say where the ledger ends: it may have been cut off behind this line")
        }
        if end.seq > chain.seq {
            fail(line, "the ledger has \(end.seq) entries; \(end.seq - chain.seq) at its end are missing here")
        } else if end != chain {
            fail(line, "the ledger ends otherwise: this is another history")
        }
    }

    private mutating func fail(_ line: Int, _ message: String, seq: Int? = nil, position: Int? = nil) {
        fault = Fault(line: line, seq: seq, position: position, message: message)
    }

    private mutating func read(_ text: Span<UInt8>, _ line: Int) {
        if let head = LedgerHeadLine.parse(text) {
            end = end ?? head
            return
        }
        guard let entry = SealedEntry(text) else { return fail(line, "this is no entry of a ledger") }
        let facts: EntryFacts
        do throws(JSONReader.Failure) {
            facts = try EntryFacts(entry.covered.span)
        } catch {
            return fail(line, "this is no entry of a ledger")
        }
        let expected = chain.seq + 1
        guard facts.numbers["seq"] == expected else {
            let found = facts.numbers["seq"] ?? 0
            return fail(
                line, "entry \(expected) should stand here, and not \(found): it is missing, or was moved",
                seq: expected, position: facts.numbers["position"])
        }
        chain.extend(by: entry.covered.span)
        guard chain.hash == entry.hash else {
            return fail(
                line, "its hash does not cover it and all that stands before it: it was changed", seq: expected,
                position: facts.numbers["position"])
        }
        note(facts, line)
    }

    private mutating func note(_ facts: EntryFacts, _ line: Int) {
        if chain.seq == 1 {
            guard facts.texts["kind"] == "create", let sale = facts.texts["sale"], let uuid = facts.texts["uuid"] else {
                return fail(line, "a ledger begins with the sale's creation", seq: 1)
            }
            (self.sale, self.uuid) = (sale, uuid)
        }
        guard facts.texts["kind"] == "order" else { return }
        guard let position = facts.numbers["position"], let buyer = facts.texts["buyer"],
            let quantity = facts.numbers["quantity"], let at = facts.numbers["secured_at_ms"],
            let epoch = facts.numbers["epoch"]
        else { return fail(line, "an order lacks a part", seq: chain.seq) }
        let told = Told(buyer: buyer, quantity: quantity, securedAtMilliseconds: at, epoch: epoch)
        guard orders.updateValue(told, forKey: position) == nil else {
            return fail(line, "position \(position) was given before", seq: chain.seq, position: position)
        }
    }
}

/// What stands in one line: the entry that its hash covers, and the hash.
private struct SealedEntry {
    let covered: [UInt8]
    let hash: [UInt8]

    private static let marker: StaticString = ",\"hash\":\""
    /// The marker, 64 hexadecimal digits, a quote and a brace.
    private static let sealBytes = 9 + 64 + 2

    init?(_ line: Span<UInt8>) {
        guard line.count > Self.sealBytes else { return nil }
        let seal = line.extracting(line.count - Self.sealBytes..<line.count)
        guard seal.starts(with: Self.marker), seal.extracting(9 + 64..<seal.count).equals("\"}"),
            let hash = [UInt8](hex: seal.extracting(9..<9 + 64).string)
        else { return nil }
        self.hash = hash
        var covered = line.extracting(0..<line.count - Self.sealBytes).withUnsafeBytes { Array($0) }
        covered.append(UInt8(ascii: "}"))
        self.covered = covered
    }
}

/// The members of an entry that an audit looks at.
private struct EntryFacts {
    var texts: [String: String] = [:]
    var numbers: [String: Int] = [:]

    init(_ json: Span<UInt8>) throws(JSONReader.Failure) {
        var reader = JSONReader(json)
        try reader.beginObject()
        while let name = try reader.member() {
            let name = json.extracting(name.range).string
            switch try reader.peek() {
            case .string:
                let value = try reader.string()
                texts[name] = json.extracting(value.range).string
            case .number where ["seq", "position", "quantity", "secured_at_ms", "epoch"].contains(name):
                numbers[name] = try reader.naturalNumber()
            default: try reader.skip()
            }
        }
        try reader.end()
    }
}

/// The last line of an export: `{"head":{"seq":N,"hash":"…"}}`.
package enum LedgerHeadLine {
    private static let start: StaticString = "{\"head\":{\"seq\":"

    package static func text(_ head: LedgerChain) -> String {
        var text = ByteBuffer(capacity: 128)
        text.append("\(start)\(head.seq),\"hash\":\"")
        text.append(hex: head.hash.span)
        text.append("\"}}")
        return text.string
    }

    static func parse(_ line: Span<UInt8>) -> LedgerChain? {
        guard line.starts(with: start), let comma = line.firstIndex(of: UInt8(ascii: ","), from: 15),
            let seq = line.extracting(15..<comma).decimal, line.count == comma + 9 + 64 + 3,
            let hash = [UInt8](hex: line.extracting(comma + 9..<comma + 9 + 64).string)
        else { return nil }
        return LedgerChain(seq: seq, hash: hash)
    }
}
