import Shared

/// The last line of an export: `{"head":{"seq":N,"hash":"…"}}`.
package enum LedgerHeadLine {
    private static let start: StaticString = "{\"head\":{\"seq\":"

    package static func text(_ head: LedgerChain) -> String {
        "\(start)\(head.seq),\"hash\":\"\(head.hash.span.hex)\"}}"
    }

    static func parse(_ line: Span<UInt8>) -> LedgerChain? {
        let digits = start.utf8CodeUnitCount
        guard line.starts(with: start), let comma = line.firstIndex(of: UInt8(ascii: ","), from: digits),
            let seq = line.extracting(digits..<comma).decimal, line.count == comma + 9 + 64 + 3,
            let hash = [UInt8](hex: line.extracting(comma + 9..<comma + 9 + 64).string)
        else { return nil }
        let head = LedgerChain(seq: seq, hash: hash)
        // What stands between the two is compared here.
        return text(head).withBytes { line.equals($0) } ? head : nil
    }
}
