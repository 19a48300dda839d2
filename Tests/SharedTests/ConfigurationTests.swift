import Foundation
import Shared
import TestSupport
import Testing

@Suite struct `Settings` {
    private func problem(_ body: () throws(ConfigurationError) -> Void) -> String? {
        do throws(ConfigurationError) {
            try body()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `an empty variable counts as unset, so the default applies`() throws {
        let environment = Environment(["SALE_LISTEN": "", "SALE_JWT_ISSUER": ""])
        #expect(environment[.listen] == "127.0.0.1:8101")
        #expect(environment[.jwtIssuer] == nil)
        #expect(Environment(["SALE_LISTEN": "unix:/x"])[.listen] == "unix:/x")
    }

    @Test func `a default that is only described is no value, and is shown in the help`() {
        #expect(Environment([:])[.workerName] == nil)
        #expect(Setting.table([.workerName]).hasPrefix("  SALE_WORKER_NAME  (default host name)\n"))
    }

    @Test func `a required one that is not set is named, with its meaning`() {
        let message = problem { () throws(ConfigurationError) in _ = try Environment([:]).keySet() }
        #expect(message?.hasPrefix("SALE_JWT_JWKS_FILE is not set: ") == true)
    }

    @Test(arguments: ["99", "60001", "-1", "2.5", "1s", " 100", "x", "99999999999999999999"])
    func `a number out of range is refused with its name, its value and the range`(_ text: String) {
        let message = problem { () throws(ConfigurationError) in
            _ = try Environment(["SALE_DEADLINE_MS": text]).integer(.deadline, in: 100...60_000)
        }
        #expect(message == "SALE_DEADLINE_MS is \"\(text)\"; it must be a whole number from 100 to 60000")
    }

    @Test func `a log level is one of four words`() throws {
        #expect(try Environment([:]).logLevel() == .info)
        #expect(try Environment(["SALE_LOG_LEVEL": "error"]).logLevel() == .error)
        let message = problem { () throws(ConfigurationError) in
            _ = try Environment(["SALE_LOG_LEVEL": "loud"]).logLevel()
        }
        #expect(message == "SALE_LOG_LEVEL is \"loud\"; it must be debug, info, warning or error")
    }

    @Test func `a key file that can't be read or used is named, with the reason`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("jwks.json")
        let environment = Environment(["SALE_JWT_JWKS_FILE": path])
        let read = { () throws(ConfigurationError) in _ = try environment.keySet() }
        #expect(
            problem(read) == "SALE_JWT_JWKS_FILE names \(path), which can't be read: No such file or directory")
        try "{".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(
            problem(read) == "SALE_JWT_JWKS_FILE names \(path), which is not usable: it is not a complete JSON key set")
        try Data(count: 1 << 21).write(to: URL(fileURLWithPath: path))
        #expect(problem(read) == "SALE_JWT_JWKS_FILE names \(path), which can't be read: File too large")
    }

    @Test func `are all known, and no other variable that is named like one`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Shared/Configuration/Setting.swift")
        let names = try String(contentsOf: file, encoding: .utf8).matches(of: #/(?m)^ +"(SALE_[A-Z_]+)", default/#)
            .map { String($0.output.1) }
        #expect(names.count > 20)
        let others = ["SALE_TEST_SEED", "SALE_FUZZ", "SALE_HEALTH_PORT", "PATH", "WHOLESALE_X"]
        let misspelt = ["SALE_OP_LISTEN", "SALE_REDIS_URLS"]
        let values = (names + others + misspelt).map { ($0, "") }
        #expect(Environment(Dictionary(uniqueKeysWithValues: values)).unread == misspelt)
    }

    @Test func `each is in the help with its default`() {
        let table = Setting.table([.listen, .jwksFile])
        #expect(table.contains("SALE_LISTEN  (default 127.0.0.1:8101)"))
        #expect(table.contains("SALE_JWT_JWKS_FILE  (no default)"))
    }
}

@Suite struct `The address of Redis` {
    @Test(
        arguments: [
            ("redis://127.0.0.1:6379/0", "127.0.0.1:6379", 0, nil), ("redis://127.0.0.1", "127.0.0.1:6379", 0, nil),
            ("redis://localhost:7000/", "localhost:7000", 0, nil),
            ("redis://api@10.0.0.1:6380/3", "10.0.0.1:6380", 3, "api"),
            ("redis://[::1]", "[::1]:6379", 0, nil), ("redis://[::1]:6380/15", "[::1]:6380", 15, nil),
            ("unix:///run/redis.sock", "unix:/run/redis.sock", 0, nil),
            ("unix:///run/redis.sock?db=2", "unix:/run/redis.sock", 2, nil),
            ("redis+sentinel://h:26380/m", "m of h:26380", 0, nil),
            ("redis+sentinel://api@h1,h2:5,[::1]/sale/4", "sale of h1:26379,h2:5,[::1]:26379", 4, "api"),
        ] as [(String, String, Int, String?)])
    func `is read from a URL`(_ url: String, _ address: String, _ database: Int, _ user: String?) throws {
        let endpoint = try RedisEndpoint(url: url)
        #expect("\(endpoint.location)" == address)
        #expect(endpoint.database == database)
        #expect(endpoint.user == user)
        #expect(endpoint.password == nil)
    }

    @Test(arguments: [
        "", "127.0.0.1:6379", "http://127.0.0.1", "rediss://127.0.0.1", "redis://", "redis://:70000", "redis://h:x",
        "redis://h:6379/x", "redis://h:6379/-1", "redis://h:6379/1024", "redis://@h", "unix://relative",
        "unix:///s?db=x",
        "unix:///s?database=1", "redis+sentinel://h:26379", "redis+sentinel://h:26379/", "redis+sentinel:///m",
        "redis+sentinel://h,,g/m", "redis+sentinel://h/m/x", "redis+sentinel://h/m/0/0", "redis://h/0/0",
    ])
    func `that can't be read is quoted, with an example`(_ url: String) {
        #expect {
            _ = try RedisEndpoint(url: url)
        } throws: {
            "\($0)".hasPrefix("SALE_REDIS_URL is \"\(url)\"; it must be like redis://")
        }
    }

    @Test(arguments: [
        "redis://:secret@h:6379", "redis://user:secret@h", "rediss://user:secret@h", "user:secret@h:6379",
        "unix://user:secret@/run/redis.sock", "unix:///run/redis.sock?db=0&password=secret",
        "redis://h:6379/0?password=secret",
    ])
    func `with a password in it is refused, and the password not repeated`(_ url: String) {
        #expect {
            _ = try RedisEndpoint(url: url)
        } throws: {
            "\($0)".contains("SALE_REDIS_PASSWORD_FILE") && !"\($0)".contains("secret")
        }
    }

    @Test(arguments: ["hunter2", "hunter2\n", "hunter2\r\n", "\nhunter2\n"])
    func `gets its password from the first line of a file`(_ content: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("password")
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        let endpoint = try RedisEndpoint(
            Environment(["SALE_REDIS_URL": "redis://api@h", "SALE_REDIS_PASSWORD_FILE": path]))
        #expect(endpoint.password == "hunter2")
        #expect(endpoint.user == "api")
    }

    @Test(arguments: ["redis://api@h", "redis+sentinel://api@h1,h2/sale"])
    func `with a user and no password file is refused, as it would be used without the user`(_ url: String) {
        for unset in [[:], ["SALE_REDIS_PASSWORD_FILE": ""]] {
            #expect {
                _ = try RedisEndpoint(Environment(["SALE_REDIS_URL": url].merging(unset) { $1 }))
            } throws: {
                "\($0)".hasPrefix("SALE_REDIS_URL names the user api;") && "\($0)".contains("SALE_REDIS_PASSWORD_FILE")
            }
        }
    }

    @Test func `whose password file is missing or empty is refused`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("password")
        let environment = Environment(["SALE_REDIS_PASSWORD_FILE": path])
        #expect {
            _ = try RedisEndpoint(environment)
        } throws: {
            "\($0)" == "SALE_REDIS_PASSWORD_FILE names \(path), which can't be read: No such file or directory"
        }
        try "\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect {
            _ = try RedisEndpoint(environment)
        } throws: {
            "\($0)" == "SALE_REDIS_PASSWORD_FILE names \(path), which is empty"
        }
    }
}

@Suite struct `A socket's address` {
    @Test(arguments: ["127.0.0.1:8101", "[::1]:80", "localhost:65535", "unix:/run/api.sock", "0.0.0.0:0"])
    func `is written as it is read, and the system can take it`(_ text: String) throws {
        let address = try #require(SocketAddress(text))
        #expect("\(address)" == text)
        #expect(address.withSockaddr { _, length in length > 0 } == true)
    }

    @Test(arguments: [
        "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1]", "unix:rel",
    ])
    func `is nothing else`(_ text: String) { #expect(SocketAddress(text) == nil) }

    @Test func `of a Unix socket is no longer than the system takes`() {
        #expect(SocketAddress("unix:/" + String(repeating: "x", count: 106)) != nil)
        #expect(SocketAddress("unix:/" + String(repeating: "x", count: 107)) == nil)
    }

    @Test func `with a host name is not looked up`() {
        #expect(SocketAddress("example.com:80")?.withSockaddr { _, _ in true } == nil)
    }
}
