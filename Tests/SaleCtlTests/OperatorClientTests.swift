import Foundation
import Glibc
import Operations
import OrderStore
import Shared
import TestSupport
import Testing

@testable import SaleCtl

/// A listener that takes one request and sends one prepared answer.
private final class OneAnswer: @unchecked Sendable {
    let address: SocketAddress
    // Written by the thread before `done` is signalled, read by the test after it has waited for that.
    private(set) var request = ""
    private let done = DispatchSemaphore(value: 0)

    init(_ path: String, _ pieces: [String]) throws {
        address = .unix(path: path)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard address.withSockaddr({ bind(listener, $0, $1) }) == 0, listen(listener, 1) == 0 else {
            throw FileError()
        }
        Thread.detachNewThread { [self] in
            let client = accept(listener, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 65_536)
            var text = ""
            while !text.contains("}") || !text.contains("\r\n\r\n") {
                let count = recv(client, &bytes, bytes.count, 0)
                if count <= 0 { break }
                text += String(decoding: bytes[0..<count], as: UTF8.self)
            }
            request = text
            for piece in pieces {
                _ = piece.withCString { send(client, $0, piece.utf8.count, Int32(MSG_NOSIGNAL)) }
                usleep(20_000)
            }
            close(client)
            close(listener)
            done.signal()
        }
    }

    func wait() { done.wait() }
}

@Suite struct `The operator client` {
    private let directory = try! TemporaryDirectory()

    private func answered(_ pieces: [String]) throws -> Result<OperatorClient.Answer, OperatorClient.Failed> {
        let listener = try OneAnswer(directory.path("ops.sock"), pieces)
        defer { listener.wait() }
        let client = OperatorClient(address: listener.address, token: "secret")
        return Result { () throws(OperatorClient.Failed) in try client.post("/v1/operations", json: "{}") }
    }

    @Test func `sends one request with the token, and takes an answer that comes in pieces`() throws {
        let listener = try OneAnswer(
            directory.path("ops.sock"), ["HTTP/1.1 200 OK\r\nContent-", "Length: 7\r\n\r", "\n{\"a\":1", "}"])
        let client = OperatorClient(address: listener.address, token: "secret")
        let answer = try client.post("/v1/operations", json: "{\"x\":2}")
        listener.wait()
        #expect(answer == .init(status: 200, body: "{\"a\":1}"))
        #expect(listener.request.hasPrefix("POST /v1/operations HTTP/1.1\r\nHost: "))
        #expect(listener.request.contains("\r\nAuthorization: Bearer secret\r\n"))
        #expect(listener.request.contains("\r\nContent-Length: 7\r\n"))
        #expect(listener.request.hasSuffix("\r\n\r\n{\"x\":2}"))
    }

    @Test(arguments: [
        [""], ["HTTP/1.1 200 OK\r\n"], ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"],
        ["HTTP/1.1 200 OK\r\n\r\nno length"], ["SSH-2.0-OpenSSH\r\n\r\n"],
        ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
        ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
    ])
    func `accepts no answer that is not whole`(_ pieces: [String]) throws {
        #expect(throws: OperatorClient.Failed.self) { try answered(pieces).get() }
    }

    @Test func `names the address that it could not reach, and who may hold the lock`() throws {
        let client = OperatorClient(address: .unix(path: directory.path("nobody.sock")), token: "t")
        let failed = try #require(throws: OperatorClient.Failed.self) { try client.post("/", json: "{}") }
        #expect(failed.message.contains("nobody.sock: not reached: ") && !failed.isSent)
        let failure = CommandFailure(unanswered: failed)
        #expect(failure.code == ExitCode.unavailable)
        #expect(failure.message.hasSuffix(" is locked: by a worker, or for a moment by another salectl"))
    }

    @Test func `says that what it has asked for may have been done, if no answer comes`() throws {
        let failed = try #require(throws: OperatorClient.Failed.self) {
            try answered(["HTTP/1.1 200 OK\r\n"]).get()
        }
        let failure = CommandFailure(unanswered: failed)
        #expect(failure.code == ExitCode.temporaryFailure)
        #expect(failure.message.contains("without an answer: it may have been done. "), "\(failure.message)")
    }
}

@Suite struct `An operation while a worker holds the lock` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }

    /// A database with one open letter, whose lock another process holds, and a worker that gives the answer.
    private func run(
        _ answer: String, token: String? = "the-operators-token-of-this-test-0\n"
    ) throws -> (result: (code: Int32, output: String, errors: String), request: String) {
        do {
            let store = try OrderStore(path: path)
            _ = try store.apply(SaleID("demo")!, [StreamEntry(id: "9-0", fields: [[0x61], [0x62]])])
        }
        let lock = try StoreLock.take(for: path)
        if let token { try token.write(toFile: directory.path("ops.token"), atomically: true, encoding: .utf8) }
        let status = answer.hasPrefix("{\"results") ? "200 OK" : "409 Conflict"
        let head = "HTTP/1.1 \(status)\r\nContent-Length: \(answer.utf8.count)\r\n\r\n"
        let listener = try OneAnswer(directory.path("ops.sock"), ["\(head)\(answer)"])
        let result = try withExtendedLifetime(lock) {
            try ChildProcess.run(
                ChildProcess.product("salectl"), ["dlq", "redrive", "demo", "--all", "--reason", "mended"],
                environment: [
                    "SALE_DATABASE": path, "SALE_OPS_LISTEN": "unix:\(directory.path("ops.sock"))",
                    "SALE_OPS_TOKEN_FILE": directory.path("ops.token"),
                ])
        }
        if result.code != ExitCode.config { listener.wait() }
        return (result, listener.request)
    }

    @Test func `is done by the worker`() throws {
        let (result, request) = try run(#"{"results":[{"id":"9-0","outcome":"applied","message":""}]}"#)
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains("1 letter, applied 1"))
        #expect(request.contains("Authorization: Bearer the-operators-token-of-this-test-0\r\n"))
        let body = request.split(separator: "\r\n").last ?? ""
        let operation = try String(body).withBytes { try Operation(parsing: $0) }
        #expect(operation == .redrive(.init(sale: SaleID("demo")!, ids: ["9-0"], reason: "mended", isRehearsal: false)))
    }

    @Test func `is refused in the worker's words`() throws {
        let (result, _) = try run(#"{"title":"Conflict","status":409,"detail":"not \"now\""}"#)
        #expect(result.code == ExitCode.unavailable)
        #expect(result.errors.contains("the worker answered 409: not \"now\""))
    }

    @Test func `needs a token`() throws {
        let (result, _) = try run("{}", token: nil)
        #expect(result.code == ExitCode.config)
        #expect(result.errors.contains("SALE_OPS_TOKEN_FILE"))
    }
}
