import Foundation
import TestSupport
import Testing

@Suite struct `A container's health check` {
    private func health(_ port: UInt16) throws -> Int32 {
        try ChildProcess.run(
            Ingress.repository.appendingPathComponent("deploy/container/redis-node"), ["health"],
            environment: ["REDIS_PORT": "\(port)"]
        ).code
    }

    private func said(_ port: UInt16) throws -> String {
        try ChildProcess.run(URL(fileURLWithPath: "/usr/bin/redis-cli"), ["-p", "\(port)", "PING"]).output
    }

    @Test func `passes a Redis that serves, and none that still reads its file`() throws {
        let directory = try TemporaryDirectory()
        // It answers while it reads, but only after each thousand commands. With the delay that takes minutes.
        let command = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
        try String(repeating: command, count: 500_000)
            .write(toFile: directory.path("appendonly.aof"), atomically: true, encoding: .utf8)
        let port = RedisServer.freePort()
        func serve(_ options: [String]) throws -> ChildProcess {
            try ChildProcess(
                URL(fileURLWithPath: "/usr/bin/redis-server"),
                ["--bind", "127.0.0.1", "--port", "\(port)", "--save", "", "--dir", directory.url.path] + options,
                errorLog: directory.url.appendingPathComponent("log"))
        }
        try withExtendedLifetime(serve(["--appendonly", "yes", "--key-load-delay", "100"])) {
            let reads = try eventually { try said(port).hasPrefix("LOADING") }
            let code = try health(port)
            #expect(reads && code == 1)
        }
        try withExtendedLifetime(serve([])) {
            let serves = try eventually { try health(port) == 0 }
            #expect(serves)
        }
    }
}
