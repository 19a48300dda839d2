import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `script/install` {
    private static let program = Ingress.repository.appendingPathComponent("script/install")
    private static let binaries = ChildProcess.product("sale-api").deletingLastPathComponent().path

    private func install(_ root: String, _ arguments: [String]) throws -> (code: Int32, output: String, errors: String)
    {
        try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"), [Self.program.path, "--prefix", root] + arguments)
    }

    @Test func `refuses a name that no release can have before it builds one`() throws {
        let root = try TemporaryDirectory()
        // Building would fail, too, but with 73: a child's PATH has no toolchain.
        #expect(try install(root.url.path, ["--release", "../outside"]).code == 64)
    }

    private func install(release: String, into root: String) throws {
        let done = try install(root, ["--release", release, "--binaries", Self.binaries])
        #expect(done.code == 0, "\(done.errors)")
    }

    private func files(_ root: String) -> Set<String> {
        Set(FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? [])
    }

    @Test func `puts two releases side by side, and goes back to the first`() throws {
        let root = try TemporaryDirectory()
        try install(release: "one", into: root.url.path)
        try install(release: "two", into: root.url.path)
        let current = root.path("opt/sale/current")
        func target() throws -> String { try FileManager.default.destinationOfSymbolicLink(atPath: current) }
        #expect(try target() == "releases/two")
        let version = try ChildProcess.run(URL(fileURLWithPath: current + "/bin/sale-api"), ["--version"])
        #expect(version.output == "sale-api \(Release.version)\n")
        #expect(try install(root.url.path, ["--use", "one"]).code == 0)
        #expect(try target() == "releases/one")
        #expect(try install(root.url.path, ["--use", "three"]).code == 66)
        #expect(try target() == "releases/one")
    }

    @Test func `keeps a changed setting, and puts the delivered one beside it`() throws {
        let root = try TemporaryDirectory()
        try install(release: "one", into: root.url.path)
        let pool = root.path("etc/sale/nginx/site/sale-pool.conf")
        try "server 10.0.0.1:8101;\n".write(toFile: pool, atomically: true, encoding: .utf8)
        let snippet = root.path("etc/sale/nginx/snippets/proxy.conf")
        let delivered = try String(contentsOfFile: snippet, encoding: .utf8)
        try "# nothing\n".write(toFile: snippet, atomically: true, encoding: .utf8)
        try install(release: "two", into: root.url.path)
        #expect(try String(contentsOfFile: pool, encoding: .utf8) == "server 10.0.0.1:8101;\n")
        #expect(try String(contentsOfFile: pool + ".new", encoding: .utf8).contains("127.0.0.1:8101"))
        #expect(try String(contentsOfFile: snippet, encoding: .utf8) == delivered)
        #expect(!FileManager.default.fileExists(atPath: root.path("etc/sale/sale.env.new")))
    }

    @Test func `does nothing with --dry-run`() throws {
        let root = try TemporaryDirectory()
        let said = try install(
            root.url.path, ["--release", "one", "--binaries", Self.binaries, "--dry-run"])
        #expect(said.code == 0)
        #expect(said.output.contains("sale-api@.service"))
        #expect(files(root.url.path) == [])
    }

    @Test func `uninstalls what it installed, and leaves settings, keys and data`() throws {
        let root = try TemporaryDirectory()
        try install(release: "one", into: root.url.path)
        try FileManager.default.createDirectory(
            atPath: root.path("var/lib/sale"), withIntermediateDirectories: true)
        try "rows".write(toFile: root.path("var/lib/sale/sale.db"), atomically: true, encoding: .utf8)
        let done = try install(root.url.path, ["--uninstall"])
        #expect(done.code == 0, "\(done.errors)")
        let left = files(root.url.path).filter { !$0.hasPrefix("etc/sale") && !$0.hasPrefix("var/lib/sale") }
        var isDirectory: ObjCBool = false
        for path in left {
            _ = FileManager.default.fileExists(atPath: root.path(path), isDirectory: &isDirectory)
            #expect(isDirectory.boolValue, "\(path)")
        }
        #expect(FileManager.default.fileExists(atPath: root.path("etc/sale/sale.env")))
        #expect(FileManager.default.fileExists(atPath: root.path("var/lib/sale/sale.db")))
    }

    @Test func `names a release by its commit, and fails if git can't tell which`() throws {
        let (tree, root) = (try TemporaryDirectory(), try TemporaryDirectory())
        let copied = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/cp"),
            ["-r"] + ["script", "deploy", "web", "Sources"].map { Ingress.repository.appendingPathComponent($0).path }
                + [tree.url.path])
        #expect(copied.code == 0, "\(copied.errors)")
        func install() throws -> (code: Int32, output: String, errors: String) {
            try ChildProcess.run(
                URL(fileURLWithPath: "/bin/bash"),
                [tree.path("script/install"), "--prefix", root.url.path, "--binaries", Self.binaries])
        }
        #expect(try install().output.contains("installed \(Release.version)-local;"))
        try "no repository".write(toFile: tree.path(".git"), atomically: true, encoding: .utf8)
        let refused = try install()
        #expect(refused.code == 66)
        #expect(refused.errors.contains("or give --release NAME"), "\(refused.errors)")
    }

    @Test func `keeps nginx' caches off the disk that its log may fill`() throws {
        func delivered(_ name: String) throws -> String {
            try String(contentsOf: Ingress.repository.appendingPathComponent("deploy/\(name)"), encoding: .utf8)
        }
        for side in ["sale", "shop"] {
            let caches = try delivered("nginx/\(side).conf").matches(of: /proxy_cache_path (\S+) .*max_size=(\d+)m/)
            let mounts = try delivered("systemd/ingress@\(side).service.d/caches.conf")
                .matches(of: /%S\/ingress-%i\/(\S+):mode=1777,size=(\d+)m/)
            #expect(!caches.isEmpty && caches.map(\.1) == mounts.map(\.1))
            // nginx looks at max_size only every ten seconds, and a page for which there is no room is broken off.
            for (cache, mount) in zip(caches, mounts) {
                #expect(try #require(Int(mount.2)) >= 4 * #require(Int(cache.2)), "\(cache.1)")
            }
        }
    }

    @Test func `lets Redis load its file for as long as that takes`() throws {
        let unit = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/systemd/redis-server.service.d/sale.conf"),
            encoding: .utf8)
        #expect(unit.contains("\nTimeoutStartSec=infinity\n"))
    }

    @Test func `configures a Redis that forgets nothing, whatever its own file says`() throws {
        let directory = try TemporaryDirectory()
        let socket = directory.path("redis.sock")
        try """
        port 0
        unixsocket \(socket)
        dir \(directory.url.path)
        appendonly no
        appendfsync everysec
        maxmemory-policy allkeys-lru
        save 60 1
        """.write(toFile: directory.path("redis.conf"), atomically: true, encoding: .utf8)
        let unit = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/systemd/redis-server.service.d/sale.conf"),
            encoding: .utf8)
        let line = try #require(
            unit.replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n")
                .last { $0.hasPrefix("ExecStart=/") })
        let words = line.dropFirst("ExecStart=".count).split(separator: " ").map {
            $0 == "\"\"" ? "" : $0 == "/etc/redis/redis.conf" ? directory.path("redis.conf") : String($0)
        }
        let server = try ChildProcess(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()),
            errorLog: directory.url.appendingPathComponent("log"))
        try withExtendedLifetime(server) {
            let endpoint = try RedisEndpoint(url: "unix://\(socket)")
            #expect(eventually { (try? BlockingRedis(endpoint, name: "test")) != nil })
            #expect(try BlockingRedis(endpoint, name: "test").facts.durabilityProblems(replicas: 0) == [])
        }
    }
}
