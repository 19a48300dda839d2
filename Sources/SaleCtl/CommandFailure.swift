import Glibc
import OrderStore
import RedisClient
import Shared

/// Why a command could not do what it was asked: a sentence, and the exit code.
struct CommandFailure: Error {
    let message: String
    let code: Int32

    init(_ message: String, _ code: Int32) {
        self.message = message
        self.code = code
    }

    /// The sentence and code for a file that can't be read.
    init(unreadable file: String, _ error: FileError) {
        self.init("\(file) can't be read: \(error)", ExitCode.noInput)
    }

    /// The sentence and code for a file that can't be written (`PartialFile`).
    init(unwritable file: String, _ error: FileError) {
        let reason = error.code == EWOULDBLOCK ? "another program is writing it" : "\(error)"
        self.init("\(file) can't be written: \(reason)", ExitCode.cantCreate)
    }

    /// The sentence and code for any error.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ConfigurationError: self.init(error.description, ExitCode.config)
        case let error as RedisError:
            self.init(error.description + (error.isAboutLogin ? Self.loginHint : ""), ExitCode.unavailable)
        case let error as StoreError: self.init("the database: \(error.description)", ExitCode.unavailable)
        case let error as WorkerLease.HeldElsewhere: self.init(error.description, ExitCode.temporaryFailure)
        default: self.init("\(error)", ExitCode.unavailable)
        }
    }

    private static let loginHint =
        " (\(Setting.redisURL.name) names the user, \(Setting.redisPasswordFile.name) the file with its password)"

    /// The sentence and code for a sale that only SQLite has, and that is not archived.
    init(lost sale: SaleID) {
        self.init("Redis has lost \(sale); the worker brings it back", ExitCode.unavailable)
    }

    /// The sentence and code for a sale that SQLite does not have.
    init(notStored sale: SaleID) { self.init("SQLite has no sale \(sale)", ExitCode.noInput) }

    /// The sentence and code for a sale that neither store has.
    init(nowhere sale: SaleID) { self.init("neither Redis nor SQLite has a sale \(sale)", ExitCode.noInput) }

    /// The sentence and code for a refused change of a sale.
    init(_ refusal: ChangeRefusal, _ sale: SaleID) {
        switch refusal {
        case .unknownSale: self.init("Redis has no sale \(sale)", ExitCode.noInput)
        case .fenced:
            self.init("\(sale) is fenced, and can't be changed before the worker has compared it", ExitCode.unavailable)
        case .ended: self.init("\(sale) has ended", ExitCode.cantCreate)
        case .archived: self.init("\(sale) is archived", ExitCode.cantCreate)
        case .opened:
            self.init("\(sale) has opened: its opening time stays, and its stock can only grow", ExitCode.cantCreate)
        case .tooFew: self.init("\(sale) has fewer units left than that would take away", ExitCode.cantCreate)
        case .noWaitingRoom: self.init("\(sale) has no waiting room", ExitCode.cantCreate)
        case .changedTooOften:
            self.init(
                "\(sale)'s admission was changed \(AdmissionSchedule.segmentsMax) times within one turn's length",
                ExitCode.cantCreate)
        case .outOfRange: self.init("\(sale) can't be changed to that", ExitCode.cantCreate)
        }
    }
}

extension RedisError {
    /// Redis does not let us in: not without a password, or not with this one.
    fileprivate var isAboutLogin: Bool { operation == "AUTH" || message.hasPrefix("NOAUTH") }
}
