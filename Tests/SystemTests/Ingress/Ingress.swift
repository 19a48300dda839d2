import Foundation
import Shared
import TestSupport

/// A real nginx with the delivered configuration: only what an installation changes (`site/`) is changed.
///
/// It is a single process, so that it ends with the test and can use sockets in the test's directory as any user.
final class Ingress {
    enum Side: String { case sale, shop }

    private let side: Side
    private var nginx: ChildProcess?
    let directory: TemporaryDirectory

    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// `site` replaces files of `site/` by name. nginx listens on `socket`, unless these files say otherwise.
    init(_ side: Side, _ site: [String: String]) throws {
        self.side = side
        directory = try TemporaryDirectory()
        let files = FileManager.default
        try files.copyItem(
            at: Self.repository.appendingPathComponent("deploy/nginx"),
            to: directory.url.appendingPathComponent("etc"))
        try files.createDirectory(atPath: directory.path("state"), withIntermediateDirectories: true)
        try files.removeItem(atPath: directory.path("etc/site/sale-redirect.conf"))
        let usual = ["\(side.rawValue)-listen.conf": "listen unix:\(socket);"]
        for (name, text) in usual.merging(site, uniquingKeysWith: { $1 }) { try write("site/\(name)", text) }
    }

    deinit { nginx?.signal(SIGKILL) }

    /// Replaces a file of the configuration, before nginx starts.
    func write(_ name: String, _ text: String) throws {
        try (text + "\n").write(toFile: directory.path("etc/\(name)"), atomically: true, encoding: .utf8)
    }

    func read(_ name: String) throws -> String {
        try String(contentsOfFile: directory.path("etc/\(name)"), encoding: .utf8)
    }

    /// Makes a certificate that only this test trusts. Returns its path.
    func makeCertificate(for name: String) throws -> String {
        try FileManager.default.createDirectory(
            atPath: directory.path("etc/tls"), withIntermediateDirectories: true)
        let certificate = directory.path("etc/tls/\(side.rawValue).pem")
        let made = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/openssl"),
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-out", certificate,
                "-keyout", directory.path("etc/tls/\(side.rawValue).key"),
            ])
        guard made.code == 0 else { throw UnixHTTPClient.Failure(made.errors) }
        return certificate
    }

    /// Starts nginx, and waits until it listens.
    func start() throws {
        let nginx = try ChildProcess(
            URL(fileURLWithPath: "/usr/sbin/nginx"),
            [
                "-p", directory.path("state"), "-c", directory.path("etc/\(side.rawValue).conf"), "-g",
                "daemon off; master_process off;",
            ], errorLog: directory.url.appendingPathComponent("stderr"))
        self.nginx = nginx
        let pid = directory.path("state/\(side.rawValue).pid")
        let runs = eventually { FileManager.default.fileExists(atPath: pid) || !nginx.isRunning }
        guard runs, nginx.isRunning else { throw UnixHTTPClient.Failure("nginx does not start: \(nginx.errors)") }
    }

    /// `site/sale-limits.conf` for a test whose load comes from one address.
    static let unlimited = """
        limit_req_zone $client_network zone=sale_address:1m rate=100000r/s;
        limit_req_zone $token zone=sale_token:16m rate=1000r/s;
        limit_conn_zone $connection zone=sale_connections:1m;
        """

    /// For `site/sale-log.conf` or `shop-log.conf`: no log, but one more server per socket, which answers every request
    /// with `text`, in which nginx' variables stand for what it was sent.
    static func echoes(_ sockets: [String], _ text: String, fields: String = "") -> String {
        "access_log off;\n"
            + sockets.map { "server { listen unix:\($0); \(fields) return 200 \"\(text)\"; }" }.joined(separator: "\n")
    }

    var socket: String { directory.path("nginx.sock") }
    var target: String { "unix:\(socket)" }
    var errors: String { nginx?.errors ?? "" }

    /// Sends a request on a new connection.
    func ask(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil
    ) throws -> HTTPAnswer {
        try UnixHTTPClient(socket).ask(method, path, headers: headers, body: body)
    }

    /// Presses "Buy now".
    func buy(_ sale: SaleID, token: String, key: String) throws -> HTTPAnswer {
        try ask("POST", "/v1/sales/\(sale)/purchases", headers: Self.press(token, key), body: "")
    }

    static func press(_ token: String, _ key: String) -> [(String, String)] {
        [("Authorization", "Bearer \(token)"), ("Idempotency-Key", key)]
    }
}

extension SaleSystem {
    /// An ingress in front of this system's API processes and its worker's ledger.
    func ingress(pool: [String]? = nil, _ site: [String: String] = [:]) throws -> Ingress {
        let servers = pool ?? apis.indices.map { "unix:\(directory.path("api-\($0).sock"))" }
        let lines = servers.map { "server \($0) max_fails=3 fail_timeout=2s;" }.joined(separator: "\n")
        return try Ingress(
            .sale,
            [
                "sale-pool.conf": lines,
                "sale-ledger.conf": "server unix:\(directory.path("ledger.sock"));",
            ].merging(site, uniquingKeysWith: { $1 }))
    }

    /// Tokens of buyers `NAME1` to `NAMEcount`.
    func tokens(_ name: String, _ count: Int) throws -> [String] {
        try salectl(["token", "--subject", name, "--count", "\(count)"]).output
            .split(separator: "\n").map(String.init)
    }
}
