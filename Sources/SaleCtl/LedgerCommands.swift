import OrderStore
import Shared

extension Command {
    private static let fileBytesMax = 4 << 30
    private static let pageMax = 10_000

    static let ledgerExport = Command(
        "ledger export", "ID", "Writes a sale's ledger, which anybody may check.",
        details: """
            One entry a line, as GET /v1/sales/{sale}/ledger serves them, and a last line that says where the ledger
            ends, so that a truncated file can be told from a whole one.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let reader = try context.reader()
        guard let head = try reader.ledgerHead(of: sale) else { throw CommandFailure(notStored: sale) }
        // Up to the end that it had when we began: it may grow meanwhile.
        var seq = 0
        while seq < head.seq {
            var page = ByteBuffer(capacity: 1 << 20)
            try reader.ledger(of: sale, after: seq, limit: min(pageMax, head.seq - seq)) {
                $0.append(to: &page)
                seq = $0.seq
            }
            guard Output.write(page.string) else { return ExitCode.ok }
        }
        Output.line(LedgerHeadLine.text(head))
        return ExitCode.ok
    }

    static let ledgerVerify = Command(
        "ledger verify", "FILE [--receipt R]… [--jwks FILE] [--head SEQ:HASH]… [--json]",
        "Checks that a ledger is one history, whole and unchanged; needs no server.",
        details: """
              --receipt R      a receipt, or a file that holds one: it must agree with the ledger, and with the others
              --jwks FILE      the shop's public keys (/.well-known/jwks.json): receipts must be signed with one of them
              --head SEQ:HASH  a head that was kept (GET …/ledger/head): entry SEQ must still have this hash; if it is
                               the file's last entry, the file needs no last line that says where the ledger ends
              --json           as JSON

            No position may be given twice, and no more units be sold than there are. Exit code 0: it is; 1: it is not,
            and the first wrong entry is named.
            """
    ) { line, _ in
        let arguments = try Arguments(
            line, options: ["--receipt", "--jwks", "--head"], flags: ["--json"], words: 1...1)
        let kept = try arguments.all("--head").map { try Self.head($0) }
        let keys = try arguments.value("--jwks").map { try Self.keys($0) }
        let ledger = try read(arguments.words[0])
        let audit = LedgerAudit(ledger.span, kept: kept)
        var receipts = ReceiptAudit(audit)
        if audit.fault == nil {
            for given in arguments.all("--receipt") { receipts.check(try text(of: given), keys: keys) }
        }
        let sentence = audit.fault.map { fault in
            let entry = fault.seq.map { "entry \($0)" } ?? "line \(fault.line)"
            return "\(entry)\(fault.position.map { " (position \($0))" } ?? ""): \(fault.message)"
        }
        let faults = [sentence].compactMap { $0 } + receipts.faults
        if arguments.has("--json") {
            Output.line(json(audit, receipts.checked, faults))
        } else {
            Output.print([
                ("verdict", faults.isEmpty ? "whole" : "broken"), ("sale", audit.sale ?? "?"),
                ("entries", "\(audit.chain.seq)"), ("orders", "\(audit.orders.count)"),
                ("receipts", "\(receipts.checked)"),
            ])
            for fault in faults { Output.line("  \(fault)") }
            if keys == nil, receipts.checked > 0 { Output.line("  signatures were not checked: give --jwks") }
        }
        return faults.isEmpty ? ExitCode.ok : ExitCode.negative
    }

    private static func head(_ text: String) throws -> LedgerChain {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let seq = Int(parts[0]), seq > 0, let hash = [UInt8](hex: String(parts[1])),
            hash.count == LedgerChain.hashBytes
        else { throw Arguments.UsageError("--head must be an entry's number, a colon and 64 hexadecimal digits") }
        return LedgerChain(seq: seq, hash: hash)
    }

    private static func keys(_ path: String) throws -> ReceiptVerifier {
        let json = try read(path)
        do throws(ReceiptVerifier.Malformed) {
            return try ReceiptVerifier(jwks: json.span)
        } catch {
            throw CommandFailure("\(path): \(error.message)", ExitCode.data)
        }
    }

    private static func text(of receipt: String) throws -> String {
        guard File.exists(receipt) else { return receipt }
        let bytes = try read(receipt)
        return String(decoding: bytes.split(separator: UInt8(ascii: "\n")).first ?? [], as: UTF8.self)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        do throws(FileError) {
            return try File.read(path, limit: fileBytesMax)
        } catch {
            throw CommandFailure(unreadable: path, error)
        }
    }

    private static func json(_ audit: LedgerAudit, _ receipts: Int, _ faults: [String]) -> String {
        ByteBuffer.json { text in
            text.appendMember("whole", faults.isEmpty)
            text.appendMember("entries", audit.chain.seq)
            text.appendMember("orders", audit.orders.count)
            text.appendMember("receipts", receipts)
            text.appendMember("first_bad_entry", audit.fault?.seq)
            text.appendMember("first_bad_position", audit.fault?.position)
            text.appendMember("faults", faults)
        }
    }
}
