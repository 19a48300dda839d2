import Glibc
import Shared

extension Command {
    static let rotateReceipt = Command(
        "keys rotate-receipt", "DIR", "Makes a new key that signs receipts; the old ones still verify theirs.",
        details: """
            Puts a new private key at the front of DIR/receipt.pem. Of older keys only the public half stays, so that
            old receipts still verify and nobody can sign with an old key again. The file is replaced in one step, with
            its owner and mode. Then restart every sale-api, one after the other: under the delivered units, processes
            have copies of their keys. SIGHUP is enough for a process that reads the file itself.
            """
    ) { line, _ in
        let arguments = try Arguments(line, options: [], words: 1...1)
        let path = "\(arguments.words[0])/receipt.pem"
        // Opened before the old keys are read: a rotation at the same moment would make its key of the same old ones,
        // and replace this one's.
        let file: PartialFile
        do throws(FileError) {
            file = try PartialFile(path)
        } catch {
            guard error.code == ENOENT else { throw CommandFailure(unwritable: path, error) }
            throw CommandFailure(unreadable: path, error)
        }
        let old: [UInt8]
        do throws(FileError) {
            old = try File.read(path, limit: ReceiptKeys.fileBytesMax)
        } catch {
            throw CommandFailure(unreadable: path, error)
        }
        let rotated: String
        do throws(ReceiptKeys.Malformed) {
            rotated = try ReceiptKeys(pem: old.span).rotatedPEM()
        } catch {
            throw CommandFailure("\(path) is left as it is: \(error.message)", ExitCode.data)
        }
        do throws(FileError) {
            try file.append(Array(rotated.utf8).span)
            try file.keepOwnerAndMode()
            try file.finish()
        } catch {
            throw CommandFailure(unwritable: path, error)
        }
        let keys = try rotated.withBytes { try ReceiptKeys(pem: $0) }.published
        Output.print([
            ("signs", keys[0].keyID), ("retired", "\(keys.count - 1)"),
            ("next", "restart every sale-api (SIGHUP is enough only if it doesn't run as the delivered unit)"),
        ])
        return ExitCode.ok
    }
}
