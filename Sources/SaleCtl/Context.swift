import OrderStore
import RedisClient
import Shared

/// What commands act on: the settings, and what they lead to.
struct Context: Sendable {
    let environment: Environment

    func redis() throws -> BlockingRedis {
        // Used after a change (`confirm`), and read before it: nothing is changed with a wrong setting.
        _ = try environment.redisReplicas()
        return try BlockingRedis(RedisEndpoint(environment), name: "salectl")
    }

    /// The database's path; nil if there is no database.
    func existingDatabase() throws -> String? {
        let path = try environment.required(.database)
        do throws(FileError) {
            return try File.isThere(path) ? path : nil
        } catch {
            throw CommandFailure("\(path) (\(Setting.database.name)): \(error)", ExitCode.unavailable)
        }
    }

    /// The database's path; ends the command if there is no database.
    func database() throws -> String {
        guard let path = try existingDatabase() else { throw try noDatabase() }
        return path
    }

    /// A reader of the database; nil if there is no database, or a worker is about to create it.
    func existingReader() throws -> StoreReader? {
        guard let path = try existingDatabase(), try !StoreReader.isEmpty(path) else { return nil }
        return try StoreReader(path: path)
    }

    /// What the database says about a sale, for what goes without it.
    func storedIfReadable(_ sale: SaleID) -> StoredSale? { try? existingReader()?.storedWithoutOrders(sale) }

    /// A reader of the database; ends the command if there is no database.
    func reader() throws -> StoreReader {
        guard let reader = try existingReader() else { throw try noDatabase() }
        return reader
    }

    private func noDatabase() throws -> CommandFailure {
        let path = try environment.required(.database)
        return CommandFailure("there is no database \(path) (\(Setting.database.name))", ExitCode.noInput)
    }

    /// Ends the command if a file that it is about to write has no name, or if it, or its `.partial`, is one of the
    /// database's.
    func spare(_ files: String...) throws {
        guard !files.contains("") else { throw Arguments.UsageError("the name of the file is empty") }
        let path = try environment.required(.database)
        for file in files.flatMap({ [$0, PartialFile.partialPath(of: $0)] }) {
            guard let own = DatabaseFiles.own(path, named: file) else { continue }
            throw CommandFailure(
                "\(file) is the database's own file \(own), and is left as it is", ExitCode.cantCreate)
        }
    }

    /// The lock of the database at `path`; nil if a worker or another salectl holds it.
    func lock(_ path: String) throws -> StoreLock? {
        do throws(FileError) {
            return try StoreLock.take(for: path)
        } catch {
            throw CommandFailure("\(path).lock can't be locked: \(error)", ExitCode.cantCreate)
        }
    }

    /// The right to change what Redis and the database have of a sale, for the holder of the database's lock.
    func lease(_ lock: StoreLock) throws -> WorkerLease { try WorkerLease(name: "salectl", lock: lock.file) }
}
