import Foundation
import Glibc
import RedisClient
import Shared
import TestSupport
import Testing

/// Certificates by a test's own authority, made by `deploy/stunnel/certify`.
private struct Authority {
    private let directory = try! TemporaryDirectory()

    var certificate: String { directory.path("ca.pem") }

    /// The path of a new certificate with its key.
    func certify(_ kind: String, _ name: String) throws -> String {
        let made = try ChildProcess.run(
            Ingress.repository.appendingPathComponent("deploy/stunnel/certify"), [directory.url.path, kind, name])
        guard made.code == 0 else { throw SaleSystem.Failure(made.errors) }
        return directory.path("\(name).pem")
    }
}

/// A real stunnel with a delivered file in which only the addresses are changed.
private final class Tunnel {
    enum Side: String { case client, server }

    let port = RedisServer.freePort()
    private let directory: TemporaryDirectory
    private var process: ChildProcess?

    /// Connects to a port of this machine; shows the certificate `own`, or none.
    init(_ side: Side, to target: UInt16, _ authority: Authority, own: String?) throws {
        directory = try Self.files(side, port, to: target, authority, own: own)
        try start()
    }

    /// A folder with the delivered file, the addresses changed, and the certificates.
    static func files(
        _ side: Side, _ port: UInt16, to target: UInt16, _ authority: Authority, own: String?
    ) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let delivered = Ingress.repository.appendingPathComponent("deploy/stunnel/\(side.rawValue).conf")
        var text = try String(contentsOf: delivered, encoding: .utf8)
        var changes =
            side == .client
            ? [
                "\naccept = 127.0.0.1:6380\n": "\naccept = 127.0.0.1:\(port)\n",
                "\nconnect = redis.internal:6381\n": "\nconnect = 127.0.0.1:\(target)\n",
            ]
            : [
                "\naccept = 6381\n": "\naccept = 127.0.0.1:\(port)\n",
                "\nconnect = 127.0.0.1:6379\n": "\nconnect = 127.0.0.1:\(target)\n",
            ]
        if own == nil { changes["\ncert = own.pem\n"] = "\n" }
        for (line, other) in changes {
            precondition(text.contains(line), "\(side).conf has no such line: \(line)")
            text = text.replacingOccurrences(of: line, with: other)
        }
        try text.write(toFile: directory.path("stunnel.conf"), atomically: true, encoding: .utf8)
        let files = FileManager.default
        try files.copyItem(atPath: authority.certificate, toPath: directory.path("ca.pem"))
        if let own { try files.copyItem(atPath: own, toPath: directory.path("own.pem")) }
        return directory
    }

    /// Starts stunnel in the folder of its files, and waits until it listens.
    func start() throws {
        let process = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/env"),
            ["--chdir", directory.url.path, "/usr/bin/stunnel4", "stunnel.conf"],
            errorLog: directory.url.appendingPathComponent("log"))
        self.process = process
        let ready = eventually { errors.contains("Configuration successful") || !process.isRunning }
        guard ready, process.isRunning else { throw SaleSystem.Failure("stunnel does not start: \(errors)") }
    }

    func stop() {
        process?.stop(SIGKILL)
    }

    var errors: String { process?.errors ?? "" }
    /// For SALE_REDIS_URL.
    var url: String { "redis://127.0.0.1:\(port)/0" }

    /// Redis' answer at a port of this machine; "" if there is none.
    static func ping(_ port: UInt16) throws -> String {
        try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/timeout"), ["5", "/usr/bin/redis-cli", "-p", "\(port)", "PING"]
        ).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// On a network of its own: a program sends Redis a command through the tunnel (the files in `$1` and `$2`) while its
/// packets are lost, and gives up. Fails if the command is still on its way then.
private let interrupted = """
    set -eu
    ip link set lo up
    redis-server --save '' >/dev/null & redis=$!
    (cd "$1" && exec stunnel4 stunnel.conf) & client=$!
    (cd "$2" && exec stunnel4 stunnel.conf) & server=$!
    trap 'kill $redis $client $server' EXIT
    python3 - <<'END'
    import socket, struct, subprocess, sys, time

    def becomes(condition):
        for _ in range(100):
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        sys.exit(f"never: {condition.__name__}")

    def connected():
        try:
            redis = socket.create_connection(("127.0.0.1", 6380), timeout=1)
            redis.sendall(b"PING\\r\\n")
            return redis if redis.recv(7) == b"+PONG\\r\\n" else None
        except OSError:
            return None

    def held():
        lines = [line.split() for line in open("/proc/net/tcp")][1:]
        return any(int(line[2].split(":")[1], 16) == 6381 and int(line[4].split(":")[0], 16) for line in lines)

    def released():
        return not held()

    redis = becomes(connected)
    cut = "table inet lost { chain out { type filter hook output priority 0; tcp dport 6381 drop; }; }"
    subprocess.run(["nft", cut], check=True)
    redis.sendall(b"INCR given-up\\r\\n")
    becomes(held)
    # As our clients give up.
    redis.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    redis.close()
    becomes(released)
    END
    nft delete table inet lost
    redis-cli EXISTS given-up
    """

@Suite struct `Redis behind stunnel` {
    private let sale = SaleID("demo")!
    private let authority = Authority()
    private let anotherAuthority = Authority()

    /// Both ends of the tunnel, with certificates, in front of a Redis, and optionally a wiretap between them.
    private func tunnel(to redis: RedisServer, listening: Bool = false) throws -> (
        server: Tunnel, client: Tunnel, wire: Wiretap?
    ) {
        let server = try Tunnel(
            .server, to: UInt16(redis.port)!, authority, own: authority.certify("server", "redis.internal"))
        let port = RedisServer.freePort()
        let wire = try listening ? Wiretap(port, to: server.port) : nil
        let client = try Tunnel(
            .client, to: listening ? port : server.port, authority, own: authority.certify("client", "api-1"))
        return (server, client, wire)
    }

    @Test func `sells to all alike, and who listens on the way reads none of it`() throws {
        let redis = try RedisServer(RedisServer.followed())
        let (server, client, tapped) = try tunnel(to: redis, listening: true)
        let wire = try #require(tapped)
        try withExtendedLifetime(server) {
            let system = try SaleSystem(apis: 0, redis: redis)
            try TestSale.create(system.connect(), stock: 50)
            try system.startAPI(0, variables: ["SALE_REDIS_URL": client.url])
            try system.startWorker(["SALE_REDIS_URL": client.url])
            let run = try system.stampede(sale, ["--buyers", "200", "--connections", "8", "--retry-share", "0.1"])
            #expect(run.report["secured"] == 50)
            #expect(run.report["errors"] == 0)
            #expect(run.report["lost"] == 0)
            #expect(system.drained(sale))
            #expect(try system.complaint(sale, run, stock: 50, met: "replayed") == nil)
            // The same sale without a tunnel shows the words that could be read.
            let port = RedisServer.freePort()
            let plain = try Wiretap(port, to: UInt16(redis.port)!)
            try system.startAPI(0, variables: ["SALE_REDIS_URL": "redis://127.0.0.1:\(port)/0"])
            _ = try system.stampede(sale, ["--buyers", "1", "--connections", "1"])
            #expect(wire.count > 10_000)
            for word in ["EVALSHA", "sale:{demo}", "buyer-00000001"] {
                #expect(plain.hears(word), "\(word)")
                #expect(!wire.hears(word), "\(word)")
            }
        }
    }

    @Test func `has its replica through the tunnel, and answers nothing that the replica lacks`() throws {
        let primary = try RedisServer(
            RedisServer.followed() + ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"])
        let (server, client, _) = try tunnel(to: primary)
        try withExtendedLifetime(server) {
            let replica = try RedisServer(["--replicaof", "127.0.0.1", "\(client.port)"])
            let redis = try primary.connect()
            let follows = try eventually {
                let info = try redis.command(["INFO", "replication"])
                return info.string?.contains("min_slaves_good_slaves:1") == true
            }
            #expect(follows, "\(client.errors)")
            let system = try SaleSystem(apis: 0, redis: primary)
            try TestSale.create(system.connect(), stock: 50)
            try system.startAPI(0, variables: ["SALE_REDIS_URL": client.url, "SALE_REDIS_REPLICAS": "1"])
            let run = try system.stampede(sale, ["--buyers", "80", "--connections", "8"])
            #expect(run.report["secured"] == 50)
            #expect(run.report["lost"] == 0)
            #expect(try TestSale.orderEvents(replica.connect(), sale).count == 50)
        }
    }

    @Test func `is unavailable while the tunnel is down, and every promise holds`() throws {
        let redis = try RedisServer(RedisServer.followed())
        let (server, client, _) = try tunnel(to: redis)
        let system = try SaleSystem(apis: 0, redis: redis)
        try TestSale.create(system.connect(), stock: 5000)
        try system.startAPI(0, variables: ["SALE_REDIS_URL": client.url])
        try system.startWorker(["SALE_REDIS_URL": client.url])
        let run = try system.stampede(sale, ["--buyers", "3000", "--over", "3s", "--retry-share", "0.02"]) {
            #expect(eventually { system.wins > 100 })
            server.stop()
            #expect(eventually { (try? system.ask("GET", "/readyz").status) == 503 })
            try server.start()
        }
        #expect(run.report["secured"] == 3000)
        #expect(run.report["errors"] == 0)
        #expect(system.drained(sale))
        #expect(try system.complaint(sale, run, stock: 5000, met: "unavailable") == nil)
    }

    @Test(.enabled(if: getuid() == 0, "a network of one's own needs root"))
    func `never receives what was given up while the network was down`() throws {
        let own = try (authority.certify("client", "api-1"), authority.certify("server", "redis.internal"))
        let client = try Tunnel.files(.client, 6380, to: 6381, authority, own: own.0)
        let server = try Tunnel.files(.server, 6381, to: 6379, authority, own: own.1)
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/unshare"),
            ["--net", "/bin/bash", "-c", interrupted, "interrupted", client.url.path, server.url.path])
        #expect(result.output == "0\n", "\(result.errors)")
    }

    @Test func `lets in nobody without a certificate of the sale's own authority for just that`() throws {
        let redis = try RedisServer(RedisServer.followed())
        let (server, client, _) = try tunnel(to: redis)
        #expect(try Tunnel.ping(client.port) == "PONG")
        #expect(try Tunnel.ping(server.port) == "", "without TLS")
        let others = [
            nil, try anotherAuthority.certify("client", "api-1"), try authority.certify("server", "another.internal"),
        ]
        for own in others {
            let stranger = try Tunnel(.client, to: server.port, authority, own: own)
            #expect(try Tunnel.ping(stranger.port) == "", "\(own ?? "none")")
        }
        #expect(server.errors.contains("peer did not return a certificate"), "\(server.errors)")
        #expect(server.errors.contains("unsuitable certificate purpose"), "\(server.errors)")
    }

    @Test func `is nobody who has another name, or a certificate that lets one in`() throws {
        let redis = try RedisServer(RedisServer.followed())
        let target = UInt16(redis.port)!
        let own = try authority.certify("client", "api-1")
        for certificate in [
            try authority.certify("server", "another.internal"), own,
            try anotherAuthority.certify("server", "redis.internal"),
        ] {
            let server = try Tunnel(.server, to: target, authority, own: certificate)
            let client = try Tunnel(.client, to: server.port, authority, own: own)
            #expect(try Tunnel.ping(client.port) == "", "\(certificate)")
            #expect(client.errors.contains("certificate verify failed"), "\(client.errors)")
        }
    }
}
