import Glibc
import OrderStore
import RedisClient
import Shared

extension StatusReport {
    /// The sale on Redis, and what SQLite has stored of it, if that is known; an archived sale is only there.
    static func read(_ sale: SaleID, on redis: BlockingRedis, stored: StoredSale?) throws -> StatusReport {
        guard let status = try redis.status(sale) else {
            guard let stored else { throw CommandFailure(.unknownSale, sale) }
            guard stored.archivedAt != nil else { throw CommandFailure(lost: sale) }
            return StatusReport(archived: stored)
        }
        return StatusReport(
            status: status, served: status.isServed(by: redis.facts.runID),
            deadLetters: try stored?.openDeadLetters ?? redis.deadLetterCount(of: sale),
            queue: status.settings.waitingRoom == nil ? nil : try redis.queue(sale), archivedAt: stored?.archivedAt,
            losses: stored?.losses ?? [])
    }

    private init(archived stored: StoredSale) {
        let record = stored.record
        let status = SaleStatus(
            sale: record.sale, uuid: record.uuid, title: record.title, stockTotal: record.stockTotal,
            remaining: max(0, record.stockTotal - stored.sold - stored.withheld - stored.rejectedUnits),
            position: stored.persistedPosition, maxPerBuyer: record.maxPerBuyer, settings: record.settings,
            epoch: record.epoch, servingRunID: "", persistedPosition: stored.persistedPosition, readAt: .now)
        self.init(
            status: status, served: false, deadLetters: stored.openDeadLetters, archivedAt: stored.archivedAt,
            losses: stored.losses)
    }
}

extension Command {
    static let list = Command(
        "ls", "[--json]", "Lists all sales; with a database also the archived ones.",
        details: """
            DEAD counts open dead letters; without a database, all that Redis has. If Redis has lost a sale, or a part
            of one, the sale is named on stderr, and with --json under `unreadable`.

            Exit code: 0, or 1 if there is such a sale.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        let redis = try context.redis()
        let reader = try context.existingReader()
        // What Redis has lost is listed, too: an emptied one has no sales.
        let known = try Set(redis.sales() + (reader?.sales() ?? []))
        let sales = known.sorted()
        var reports: [StatusReport] = []
        var unreadable: [(sale: SaleID, reason: String)] = []
        for sale in sales {
            do {
                let stored = try reader?.storedWithoutOrders(sale)
                reports.append(try StatusReport.read(sale, on: redis, stored: stored))
            } catch let error as RedisError where error.code == .unexpectedReply {
                unreadable.append((sale, error.message))
            } catch let failure as CommandFailure {
                unreadable.append((sale, failure.message))
            }
        }
        if arguments.has("--json") {
            Output.json { json in
                json.appendMember("sales", objects: reports) { $1.append(to: &$0) }
                json.appendMember("unreadable", objects: unreadable) { json, one in
                    json.appendMember("sale", one.sale)
                    json.appendMember("reason", one.reason)
                }
            }
        } else {
            Output.print(
                table: reports.map {
                    [
                        "\($0.status.sale)", $0.standing, "\($0.status.stockTotal)", "\($0.sold)",
                        "\($0.status.remaining)", "\($0.backlog)", "\($0.deadLetters)", $0.status.title,
                    ]
                }, headings: ["SALE", "STATE", "STOCK", "SOLD", "REMAINING", "BACKLOG", "DEAD", "TITLE"])
        }
        for (sale, reason) in unreadable { Output.error("salectl: \(sale) can't be shown: \(reason)") }
        return unreadable.isEmpty ? ExitCode.ok : ExitCode.negative
    }

    static let show = Command("show", "ID [--json]", "Shows one sale.") { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let stored = try context.existingReader()?.storedWithoutOrders(sale)
        let report = try StatusReport.read(sale, on: context.redis(), stored: stored)
        report.print(json: arguments.has("--json"))
        return ExitCode.ok
    }
}
