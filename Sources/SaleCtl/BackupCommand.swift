import Glibc
import OrderStore
import Shared

extension Command {
    static let backup = Command(
        "backup", "FILE [--json]", "Copies the database into FILE while the worker runs, and verifies the copy.",
        details: """
              --json   as JSON

            The copy is of one instant. It is written as FILE.partial, checked (integrity_check, foreign_key_check),
            hashed into FILE.sha256 (in the format of sha256sum), synced to the disk, and then renamed: if FILE exists,
            it is whole. An existing FILE is never overwritten. It contains buyers' names, so both files are readable by
            their owner only.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
        let file = arguments.words[0]
        try context.spare(file, Checksum.path(of: file))
        let reader = try context.reader()
        umask(0o077)
        let partial: PartialFile
        do {
            partial = try PartialFile(file)
            // From here on, nobody else makes it.
            guard !File.exists(file) else {
                throw CommandFailure("\(file) is there already, and is left as it is", ExitCode.cantCreate)
            }
            // SQLite takes an empty file for a new one.
            try reader.copy(to: partial.partialPath)
        } catch let error as FileError {
            throw CommandFailure(unwritable: file, error)
        } catch let error as StoreError where error.isUnwritable {
            // It only reads the database, so this is about the copy.
            throw CommandFailure("\(file) can't be written: \(error.message)", ExitCode.cantCreate)
        }
        let copy = try StoreReader(path: partial.partialPath)
        let damages = try copy.damages()
        guard damages.isEmpty else {
            throw CommandFailure(
                "the copy is damaged, and so may the database be: \(damages[0])", ExitCode.data)
        }
        let sales = try copy.contents()
        do {
            let checksum = try File.sha256Hex(of: partial.partialPath)
            let sum = try PartialFile(Checksum.path(of: file))
            try Checksum.line(checksum, of: file).withBytes { try sum.append($0) }
            try sum.finish()
            try partial.finish()
            report(file, bytes: try File.size(of: file), checksum, sales, json: arguments.has("--json"))
        } catch let error as FileError {
            throw CommandFailure(unwritable: file, error)
        }
        return ExitCode.ok
    }

    private static func report(_ file: String, bytes: Int, _ checksum: String, _ sales: [StoredNumbers], json: Bool) {
        let orders = sales.reduce(0) { $0 + $1.orders }
        guard json else {
            Output.print([
                ("file", file), ("bytes", "\(bytes)"), ("sha256", checksum), ("sales", "\(sales.count)"),
                ("orders", "\(orders)"),
            ])
            for sale in sales {
                Output.line("  \(sale.sale): \(counted(sale.orders, "order")), up to stream id \(sale.lastStreamID)")
            }
            return
        }
        Output.json { text in
            text.appendMember("file", file)
            text.appendMember("bytes", bytes)
            text.appendMember("sha256", checksum)
            text.appendMember("orders", orders)
            text.appendMember("sales", objects: sales) { text, sale in
                text.appendMember("sale", sale.sale)
                text.appendMember("orders", sale.orders)
                text.appendMember("position", sale.persistedPosition)
                text.appendMember("last_stream_id", "\(sale.lastStreamID)")
            }
        }
    }
}

/// The checksum file beside a backup, in the format of sha256sum(1).
enum Checksum {
    static func path(of file: String) -> String { "\(file).sha256" }

    static func line(_ checksum: String, of file: String) -> String {
        "\(checksum)  \(file.split(separator: "/").last ?? "")\n"
    }

    /// The checksum at the beginning of a line; nil if there is none.
    static func read(_ line: [UInt8]) -> String? {
        let digits = line.prefix(64)
        guard digits.count == 64, line.count > 64, line[64] == 0x20,
            digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return String(decoding: digits, as: UTF8.self)
    }
}
