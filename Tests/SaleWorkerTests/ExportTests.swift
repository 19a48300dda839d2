import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `An export` {
    private let sale = SaleID("demo")!

    /// Twelve of twenty are sold and stored. The name of one buyer needs quotes.
    private func sold() throws -> WorkerUnderTest {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 20)
        try under.sell(sale, to: 0..<11)
        _ = try TestSale.purchase(under.redis, sale, [.init(buyer: "a,\"b", key: "k")])
        try under.start()
        #expect(under.drained(sale))
        return under
    }

    @Test func `is CSV for a machine, with a header, quotes and RFC 3339 times`() throws {
        let under = try sold()
        let result = try under.salectl(["export", "demo"])
        let lines = result.output.components(separatedBy: "\r\n")
        #expect(lines.count == 14)
        #expect(lines[0] == "order,sale,position,buyer,quantity,secured_at,epoch,trace")
        #expect(lines[1].hasPrefix("demo-1,demo,1,buyer-0,1,20"))
        #expect(lines[1].contains("Z,1,"))
        #expect(lines[12].hasPrefix(#"demo-12,demo,12,"a,""b",1,"#))
        #expect(lines[13].isEmpty)
        #expect(result.errors == "salectl: 12 orders; last position 12\n")
    }

    @Test func `warns of buyers whom a spreadsheet would take for formulas, and writes them as they are`() throws {
        let under = try sold()
        _ = try TestSale.purchase(under.redis, sale, [.init(buyer: "=1+1", key: "k")])
        #expect(under.drained(sale))
        let result = try under.salectl(["export", "demo"])
        #expect(result.output.contains("demo-13,demo,13,=1+1,1,"))
        #expect(result.errors.contains("a spreadsheet would take 1 buyer's name for formulas"))
        #expect(try !under.salectl(["export", "demo", "--format", "jsonl"]).errors.contains("formula"))
    }

    @Test func `continues where the last one ended, each order once`() throws {
        let under = try sold()
        var positions: [Int] = []
        var after = "0"
        while true {
            let result = try under.salectl([
                "export", "demo", "--format", "jsonl", "--after", after, "--limit", "5",
            ])
            let lines = result.output.split(separator: "\n")
            if lines.isEmpty { break }
            for line in lines {
                let order = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                positions.append(order?["position"] as? Int ?? -1)
            }
            after = result.errors.split(whereSeparator: { !$0.isNumber }).last.map(String.init) ?? ""
        }
        #expect(positions == Array(1...12))
    }

    @Test func `ends at the persisted position, and names what is not an order`() throws {
        let under = try sold()
        under.worker?.stop(SIGKILL)
        // A dead letter, a void and a loss, as a worker would leave them, and an order after the persisted position.
        _ = try SQLiteShell.run(
            under.database,
            """
            DELETE FROM orders WHERE position IN (3, 5, 9);
            INSERT INTO dead_letters (sale, stream_id, reason, message, stage, position, quantity, first_failed_at_ms,
                last_failed_at_ms, worker, release)
            VALUES ('demo', '1-1', 'malformed', 'm', 'decode', 3, 1, 1, 1, 'w', 'r');
            INSERT INTO voids VALUES ('demo', 5, 1, '1-2', 'r', 1);
            INSERT INTO losses VALUES ('demo', 9, 9, 1, 1, NULL, '0-0');
            UPDATE sales SET persisted_position = 11;
            """)
        let result = try under.salectl(["export", "demo"])
        #expect(result.output.components(separatedBy: "\r\n").count == 10)
        #expect(result.errors.contains("8 orders; last position 11\n"))
        #expect(result.errors.contains("not in it: 1 dead letter, 1 voided, 1 lost"))
        #expect(result.errors.contains("may become orders yet: positions 3"))
        // The next export has what is stored later.
        _ = try SQLiteShell.run(under.database, "UPDATE sales SET persisted_position = 12")
        #expect(try under.salectl(["export", "demo", "--after", "11"]).output.contains("demo-12,"))
    }

    @Test func `names a dead letter that becomes an order too late to be in it`() throws {
        let under = try sold()
        under.worker?.stop(SIGKILL)
        // More orders than a pipe holds, and three dead letters: 3 and 5 before, and 1900 after the point where it will
        // block.
        _ = try SQLiteShell.run(
            under.database,
            """
            UPDATE sales SET stock_total = 3000, persisted_position = 2000;
            WITH RECURSIVE more (n) AS (SELECT 13 UNION ALL SELECT n + 1 FROM more WHERE n < 2000)
            INSERT INTO orders SELECT sale, n, sale || '-' || n, 'buyer-' || n, quantity, 'key-' || n, trace,
                secured_at_ms, epoch, '9-' || n FROM orders, more WHERE position = 1;
            CREATE TABLE redriven AS SELECT * FROM orders WHERE position IN (3, 1900);
            DELETE FROM orders WHERE position IN (3, 5, 1900);
            INSERT INTO dead_letters (sale, stream_id, reason, message, stage, position, quantity, first_failed_at_ms,
                last_failed_at_ms, worker, release)
            SELECT 'demo', '1-' || value, 'malformed', 'm', 'decode', value, 1, 1, 1, 'w', 'r'
            FROM json_each('[3, 5, 1900]');
            """)
        let pipe = Pipe()
        let log = under.server.directory.url.appendingPathComponent("export.log")
        let export = try ChildProcess(
            ChildProcess.product("salectl"), ["export", "demo"], environment: ["SALE_DATABASE": under.database],
            errorLog: log, output: pipe.fileHandleForWriting)
        try pipe.fileHandleForWriting.close()
        // It has read its first page, and blocks on writing it.
        let output = pipe.fileHandleForReading
        #expect(
            eventually {
                var waiting: Int32 = 0
                return ioctl(output.fileDescriptor, UInt(FIONREAD), &waiting) == 0 && waiting > 0
            })
        _ = try SQLiteShell.run(
            under.database,
            """
            INSERT INTO orders SELECT * FROM redriven;
            UPDATE dead_letters SET resolution = 'redriven', resolved_at_ms = 2 WHERE position IN (3, 1900);
            """)
        let lines = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self).components(separatedBy: "\r\n")
        #expect(export.wait() == 0)
        #expect(lines.count == 2000)
        #expect(lines.contains { $0.hasPrefix("demo-1900,") })
        #expect(
            export.errors == """
                salectl: 1998 orders; last position 2000
                salectl: not in it: 1 dead letter, 0 voided, 0 lost
                salectl: open dead letters, which may become orders yet: positions 5
                salectl: dead letters that became orders meanwhile, and are not in it: positions 3

                """)
    }

    @Test func `into a file is complete and its owner's only, or does not exist`() throws {
        let under = try sold()
        let path = under.server.directory.path("orders.csv")
        #expect(try under.salectl(["export", "demo", "--output", path]).code == 0)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == under.salectl(["export", "demo"]).output)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(!FileManager.default.fileExists(atPath: "\(path).partial"))
        let failed = try under.salectl(["export", "demo", "--output", "/nowhere/orders.csv"])
        #expect(failed.code == ExitCode.cantCreate)
        #expect(try under.salectl(["export", "ghost"]).code == ExitCode.noInput)
        #expect(try under.salectl(["export", "demo", "--format", "xml"]).code == ExitCode.usage)
    }
}
