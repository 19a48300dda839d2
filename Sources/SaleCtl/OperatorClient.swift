import EventLoop
import Glibc
import Operations
import Shared

/// Asks the worker's operator listener over HTTP/1.1: one request, one answer with a Content-Length, one connection.
struct OperatorClient {
    /// The worker answers between two passes, of which the longest stores four thousand orders (`StreamReader`).
    private static let timeoutSeconds = 10
    /// A hundred results, each with a sentence, are some tens of kilobytes.
    private static let answerBytesMax = 1 << 20

    let address: SocketAddress
    let token: String

    /// An answer as it was received.
    struct Answer: Equatable {
        var status: Int
        var body: String
    }

    /// Why there is no answer.
    struct Failed: Error, Equatable {
        let message: String
        /// Whether the request was sent, so that the operation may have been done.
        var isSent = false
    }

    func post(_ path: String, json body: String) throws(Failed) -> Answer {
        let head = """
            POST \(path) HTTP/1.1\r
            Host: localhost\r
            Authorization: Bearer \(token)\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r

            """
        return try ask(head + body)
    }

    /// Asks for what needs no token.
    func get(_ path: String) throws(Failed) -> Answer {
        try ask("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    }

    private func ask(_ request: String) throws(Failed) -> Answer {
        let descriptor = try connected()
        defer { close(descriptor) }
        try send(Array(request.utf8), to: descriptor)
        do throws(Failed) {
            return try answer(from: descriptor)
        } catch {
            throw Failed(message: error.message, isSent: true)
        }
    }

    private func answer(from descriptor: Int32) throws(Failed) -> Answer {
        var received: [UInt8] = []
        let end = Instant.now.advanced(milliseconds: Self.timeoutSeconds * 1000)
        while true {
            if let answer = try Self.answer(in: received) { return answer }
            guard received.count < Self.answerBytesMax else { throw failure("its answer has no end") }
            guard Instant.now < end else { throw failure("no answer within \(Self.timeoutSeconds) s") }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw failure("no answer: \(FileError())") }
            if count == 0 { throw failure("it closed the connection without an answer") }
            received += chunk[0..<count]
        }
    }

    // MARK: The answer

    /// The answer; nil until all of it is there.
    static func answer(in bytes: [UInt8]) throws(Failed) -> Answer? {
        guard let head = head(of: bytes) else { return nil }
        let lines = String(decoding: bytes[..<head], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]), (200..<600).contains(status) else {
            throw Failed(message: "the answer is not one of HTTP/1.1")
        }
        let lengths = lines.dropFirst().compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].filter { $0 != " " })
        }
        guard lengths.count == 1, let length = lengths.first, (0...answerBytesMax).contains(length) else {
            throw Failed(message: "the answer has no length")
        }
        let body = bytes[(head + 4)...]
        guard body.count >= length else { return nil }
        return Answer(status: status, body: String(decoding: body.prefix(length), as: UTF8.self))
    }

    /// The index of the empty line that ends the head.
    private static func head(of bytes: [UInt8]) -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        return bytes.indices.dropLast(3).first { bytes[$0] == mark[0] && Array(bytes[$0..<$0 + 4]) == mark }
    }

    // MARK: The connection

    private func connected() throws(Failed) -> Int32 {
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("no socket: \(FileError())") }
        var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let result = address.withSockaddr { connect(descriptor, $0, $1) }
        guard let result, result == 0 else {
            let reason = result == nil ? "the host must be a numeric address" : "\(FileError())"
            close(descriptor)
            throw failure("not reached: \(reason)")
        }
        return descriptor
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32) throws(Failed) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("the request could not be sent: \(FileError())") }
            written += count
        }
    }

    private func failure(_ problem: String) -> Failed {
        Failed(message: "the worker's operator listener at \(address): \(problem)")
    }
}
