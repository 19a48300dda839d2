import Shared

/// Reads a ledger and finds out whether it is one history, whole and unchanged. A pure function of the text.
package struct LedgerAudit: Sendable {
    /// The first thing that is wrong.
    package struct Fault: Equatable, Sendable {
        /// The line of the text, from 1.
        package let line: Int
        /// The entry of the ledger, if it can be named.
        package let seq: Int?
        /// The position, if the line records an order.
        package let position: Int?
        /// One sentence.
        package let message: String
    }

    /// An order as the ledger records it.
    package struct RecordedOrder: Equatable, Sendable {
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
    /// The end of the part of the chain that is whole.
    package private(set) var chain = LedgerChain()
    package private(set) var sale: String?
    package private(set) var uuid: String?
    package private(set) var orders: [Int: RecordedOrder] = [:]
    /// Units that it has put on sale and not sold yet.
    private var left = 0
    /// The end that the ledger has according to the text.
    private var end: LedgerChain?
    /// Heads that it has had, according to those who kept them.
    private let kept: [LedgerChain]

    /// The members of an entry that are read as numbers.
    private static let numberNames: Set = ["seq", "stock", "position", "quantity", "secured_at_ms", "epoch"]

    /// - Parameters:
    ///   - text: JSON lines, as `salectl ledger export` and `GET …/ledger` write them.
    ///   - kept: heads that the ledger has had, as known from elsewhere: it must have each of them still. Unless one of
    ///     them is its end, the last line of the text must name that.
    package init(_ text: Span<UInt8>, kept: [LedgerChain] = []) {
        self.kept = kept
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
        if let last = kept.map(\.seq).max(), last > chain.seq {
            return fail(
                line, "the ledger ends with entry \(chain.seq), and once had entry \(last): its end is missing here")
        }
        guard let end else {
            if kept.contains(chain) { return }
            return fail(line, "the text does not say where the ledger ends: it may have been cut off after this line")
        }
        if end.seq > chain.seq {
            fail(line, "the ledger has \(end.seq) entries; \(end.seq - chain.seq) at its end are missing here")
        } else if end != chain {
            fail(line, "the ledger has another end: this is another history")
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
        guard let entry = SealedEntry(text),
            let facts = try? JSONMembers(entry.covered.span, numbers: Self.numberNames, signed: ["units"])
        else { return fail(line, "this is not a ledger entry") }
        let expected = chain.seq + 1
        guard facts.number("seq") == expected else {
            let found = facts.number("seq") ?? 0
            return fail(
                line, "entry \(expected) should be here, not \(found): it is missing, or was moved",
                seq: expected, position: facts.number("position"))
        }
        chain.extend(by: entry.covered.span)
        guard chain.hash == entry.hash else {
            return fail(
                line, "its hash does not cover it and everything before it: it was changed", seq: expected,
                position: facts.number("position"))
        }
        guard kept.allSatisfy({ $0.seq != chain.seq || $0 == chain }) else {
            return fail(
                line, "its hash is not the one that was kept (--head): this is another history", seq: expected,
                position: facts.number("position"))
        }
        note(facts, line)
    }

    private mutating func note(_ facts: JSONMembers, _ line: Int) {
        if chain.seq == 1 {
            guard facts.string("kind") == "create", let sale = facts.string("sale"), let uuid = facts.string("uuid"),
                let stock = facts.number("stock"), stock <= Limits.stockMax
            else {
                return fail(line, "a ledger begins with the sale's creation", seq: 1)
            }
            (self.sale, self.uuid, left) = (sale, uuid, stock)
        }
        if facts.string("kind") == "restock" {
            // No sale has more, and their sum can't overflow.
            guard let units = facts.number("units"), units.magnitude <= Limits.stockMax else {
                return fail(line, "a restock lacks its units, or has more than any sale", seq: chain.seq)
            }
            left += units
            guard left >= 0 else {
                return fail(line, "it takes away \(counted(-left, "unit")) that had been sold", seq: chain.seq)
            }
        }
        guard facts.string("kind") == "order" else { return }
        guard let position = facts.number("position"), let buyer = facts.string("buyer"),
            let quantity = facts.number("quantity"), let at = facts.number("secured_at_ms"),
            let epoch = facts.number("epoch")
        else { return fail(line, "an order lacks a part", seq: chain.seq) }
        let order = RecordedOrder(buyer: buyer, quantity: quantity, securedAtMilliseconds: at, epoch: epoch)
        guard orders.updateValue(order, forKey: position) == nil else {
            return fail(line, "position \(position) was given before", seq: chain.seq, position: position)
        }
        left -= quantity
        guard left >= 0 else {
            return fail(
                line, "it sells \(counted(-left, "unit")) more than there were", seq: chain.seq, position: position)
        }
    }
}

/// One line: the entry that its hash covers, and the hash.
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
