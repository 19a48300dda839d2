import Glibc
import Shared

extension Command {
    static let rotateReceipt = Command(
        "keys rotate-receipt", "DIR", "Makes a new key that signs receipts; the old ones still verify theirs.",
        details: """
            Puts a new private key in front of DIR/receipt.pem. Of the keys that signed before, the public half stays, so that
            old receipts verify on and nobody can sign under an old key again. The file is replaced in one step; its
            owner and mode stay. Then send every sale-api SIGHUP; under the delivered units, whose processes have copies of
            their keys, restart one after the other instead.
            """
    ) { line, _ in
        let arguments = try Arguments(line, options: [], words: 1...1)
        let path = "\(arguments.words[0])/receipt.pem"
        let old: [UInt8]
        do throws(FileError) {
            old = try File.read(path, limit: ReceiptKeys.fileBytesMax)
        } catch {
            throw CommandFailure("\(path) can't be read: \(error)", ExitCode.noInput)
        }
        let rotated: String
        do throws(ReceiptKeys.Malformed) {
            rotated = try ReceiptKeys(pem: old.span).rotatedPEM()
        } catch {
            throw CommandFailure("\(path) is left as it is: \(error.message)", ExitCode.data)
        }
        do throws(FileError) {
            try File.replace(path, Array(rotated.utf8).span)
        } catch {
            let hint = error.code == EEXIST ? "; is another rotation under way, or did one break off?" : ""
            throw CommandFailure("\(path).new can't take its place: \(error)\(hint)", ExitCode.cantCreate)
        }
        let keys = try rotated.withBytes { try ReceiptKeys(pem: $0) }.published
        Output.print([
            ("signs", keys[0].keyID), ("retired", "\(keys.count - 1)"),
            ("next", "send every sale-api SIGHUP, or restart one unit after the other"),
        ])
        return ExitCode.ok
    }
}
