import OrderStore
import RedisClient
import Shared

extension Command {
    static let restore = Command(
        "restore", "FILE [--force] [--json]", "Makes a backup the database, while no worker runs.",
        details: """
              --force   even if there is a database: that is renamed, with its log, and never deleted
              --json    the report on each sale as JSON

            FILE must match FILE.sha256, be undamaged, and be a database of this system. For each sale it reports what
            the file holds, what Redis holds, if that can be reached, and what will happen about the difference when the
            worker starts. The database belongs to the user who restores it: if that is not the worker's, change its
            owner before the worker starts. Exit code 65: FILE is not valid; 73: there is a database, or it can't be
            written; 75: a worker runs.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--force", "--json"], words: 1...1)
        let file = arguments.words[0]
        let path = try context.environment.required(.database)
        // Redis is asked last, but its settings are read first, so that a wrong one is reported before anything is
        // changed.
        let redis = try RedisEndpoint(context.environment)
        // It would be overwritten before it has been read, or be there without its log.
        try context.spare(file)
        let checksum = try proven(file)
        guard let lock = try context.lock(path) else {
            throw CommandFailure(
                "\(path).lock is held by a worker, or by another salectl: stop every worker first",
                ExitCode.temporaryFailure)
        }
        defer { withExtendedLifetime(lock) {} }
        let there = DatabaseFiles.existing(path)
        guard there.isEmpty || arguments.has("--force") else {
            throw CommandFailure(
                "\(there[0]) is there; with --force it is given another name, and \(file) takes its place",
                ExitCode.cantCreate)
        }
        var before: String?
        do {
            let copy = try PartialFile(path)
            let digest = SHA256Digest()
            try File.forEachPiece(of: file) { piece throws(FileError) in
                digest.update(piece)
                try copy.append(piece)
            }
            guard digest.finish() == checksum else {
                throw CommandFailure("\(file) changed while it was read", ExitCode.data)
            }
            try copy.sync()
            // A database and its log can't be exchanged for another in one step: if salectl is killed from here on,
            // there may be no database of this name. So the line that says what to do comes first.
            if !there.isEmpty {
                let aside = "\(path).before-\(UnixMilliseconds.now.rfc3339.split(separator: ":").joined())"
                Output.error("salectl: if this is interrupted, run it again; what was there is \(aside)")
                before = aside
                try DatabaseFiles.setAside(path, as: aside)
            }
            try copy.finish()
        } catch let error as FileError {
            // Impossible if the copy has that name already.
            if let before, !DatabaseFiles.existing(before).isEmpty,
                (try? DatabaseFiles.setAside(before, as: path)) != nil
            {
                Output.error("salectl: what was there has its name back")
            }
            throw CommandFailure(unwritable: path, error)
        }
        report(try StoreReader(path: path).contents(), redis, before: before, json: arguments.has("--json"))
        return ExitCode.ok
    }

    /// The checksum of a backup, after checking that it is whole and ours.
    private static func proven(_ file: String) throws -> String {
        let stated: String?
        let found: String
        do throws(FileError) {
            stated = Checksum.read(try File.read(Checksum.path(of: file), limit: 4096))
            found = try File.sha256Hex(of: file)
        } catch {
            throw CommandFailure("\(file) or \(Checksum.path(of: file)) can't be read: \(error)", ExitCode.noInput)
        }
        guard found == stated else {
            throw CommandFailure("\(file) is not what \(Checksum.path(of: file)) says", ExitCode.data)
        }
        let damage: String?
        do throws(StoreError) {
            damage = try StoreReader(path: file).damages().first
        } catch {
            throw CommandFailure("\(file) can't be used: \(error.message)", ExitCode.data)
        }
        if let damage { throw CommandFailure("\(file) can't be used: \(damage)", ExitCode.data) }
        return found
    }

    // MARK: What becomes of each sale

    private static func report(_ sales: [StoredNumbers], _ endpoint: RedisEndpoint, before: String?, json: Bool) {
        var rows: [(sale: String, orders: Int, position: Int, redis: Int?, note: String)] = []
        do throws(RedisError) {
            let redis = try BlockingRedis(endpoint, name: "salectl")
            for sale in sales {
                let status = try redis.status(sale.sale, allowingGaps: true)
                rows.append(
                    (
                        "\(sale.sale)", sale.orders, sale.persistedPosition, status?.position,
                        note(sale, status, archivedOnRedis: try redis.isArchived(sale.sale))
                    ))
            }
            for sale in try redis.sales() where !sales.contains(where: { $0.sale == sale }) {
                let position = try redis.status(sale, allowingGaps: true)?.position
                rows.append(("\(sale)", 0, 0, position, "not in the file: the worker stores it from its stream"))
            }
            for sale in try redis.archivedSales() where !sales.contains(where: { $0.sale == sale }) {
                let place = before.map { "only in \($0), if anywhere" } ?? "neither in the file nor on Redis"
                rows.append(("\(sale)", 0, 0, nil, "archived since: its orders are \(place)"))
            }
        } catch {
            Output.error("salectl: Redis can't be asked: \(CommandFailure(error).message)")
            rows = sales.map { ("\($0.sale)", $0.orders, $0.persistedPosition, nil, "Redis can't be asked") }
        }
        guard json else {
            return Output.print(
                table: rows.map { row in
                    [row.sale, "\(row.orders)", "\(row.position)", row.redis.map { "\($0)" } ?? "-", row.note]
                }, headings: ["SALE", "ORDERS", "POSITION", "REDIS", "NOTE"])
        }
        Output.json { text in
            text.appendMember("sales", objects: rows) { text, row in
                text.appendMember("sale", row.sale)
                text.appendMember("orders", row.orders)
                text.appendMember("position", row.position)
                text.appendMember("redis_position", row.redis)
                text.appendMember("note", row.note)
            }
        }
    }

    private static func note(_ stored: StoredNumbers, _ live: SaleStatus?, archivedOnRedis: Bool) -> String {
        guard let live else {
            if stored.archivedAt != nil { return "archived" }
            if archivedOnRedis { return "archived since: this file may lack orders, so the sale is not brought back" }
            return "not on Redis: the worker completes it; what was sold after this is lost"
        }
        if live.uuid != stored.uuid { return "another sale of this name is on Redis: it stays fenced" }
        let lead = live.position - stored.persistedPosition
        if lead > 0 {
            return
                "the worker stores the next \(counted(lead, "position")) from Redis; those without an order there are "
                + "recorded as lost"
        }
        return lead < 0
            ? "Redis has lost \(counted(-lead, "position")): the worker completes it" : "both have the same position"
    }
}
