import Foundation
import Shared
import TestSupport
import Testing

/// What one client may have of the delivered nginx, however it asks.
@Suite struct `The ingress' limits` {
    private static let slow = "rate=1r/m"
    /// Gets nothing back while a test runs.
    private static let strict = """
        limit_req_zone $client_network zone=sale_address:1m \(slow);
        limit_req_zone $token zone=sale_token:1m \(slow);
        limit_conn_zone $client_network zone=sale_connections:1m;
        """

    /// An ingress in front of servers that answer with `text`. It believes what a request says of its client's address.
    private func begin(
        _ text: String, pool: Int = 1, fields: String = "", limits: String = Ingress.unlimited
    ) throws -> Ingress {
        let ingress = try Ingress(.sale, ["sale-limits.conf": limits])
        let sockets = (0..<pool).map { ingress.directory.path("api-\($0).sock") }
        try ingress.write("site/sale-pool.conf", sockets.map { "server unix:\($0);" }.joined(separator: "\n"))
        try ingress.write("site/sale-ledger.conf", "server unix:\(sockets[0]);")
        try ingress.write("site/sale-log.conf", Ingress.echoes(sockets, text, fields: fields))
        try ingress.write(
            "site/sale-listen.conf",
            "listen unix:\(ingress.socket);\nset_real_ip_from unix:;\nreal_ip_header X-Forwarded-For;")
        // What has a rate of its own gets nothing back either, and a burst of ten thousand would take long.
        for name in ["sale.conf", "snippets/client.conf"] {
            let text = try ingress.read(name).replacing(/rate=[0-9]+r\/s/, with: Self.slow)
            try ingress.write(name, text.replacing("burst=10000 ", with: "burst=200 "))
        }
        try ingress.start()
        return ingress
    }

    /// How often each status was answered.
    private func statuses(
        _ ingress: Ingress, _ count: Int, _ path: String,
        headers: (Int) -> [(String, String)] = { _ in [] }
    ) throws -> [Int: Int] {
        var found: [Int: Int] = [:]
        var client = try UnixHTTPClient(ingress.socket)
        for turn in 0..<count {
            // nginx closes a connection after a thousand.
            if turn % 900 == 899 { client = try UnixHTTPClient(ingress.socket) }
            found[try client.ask("GET", path, headers: headers(turn)).status, default: 0] += 1
        }
        return found
    }

    @Test(
        arguments: [
            ("/v1/none", [], 404), ("/v1/sales/DEMO", [], 404), ("/v1/sales", [("If-Match", "\"x\"")], 412),
            ("/v1/sales/demo/queue", [("If-Match", "\"x\"")], 412),
            ("/v1/sales/demo/ledger", [("If-Match", "\"x\"")], 412),
        ] as [(String, [(String, String)], Int)])
    func `count what nginx refuses itself`(path: String, headers: [(String, String)], status: Int) throws {
        let ingress = try begin("", limits: Self.strict)
        #expect(try statuses(ingress, 1101, path, headers: { _ in headers }) == [status: 1001, 429: 100])
    }
}
