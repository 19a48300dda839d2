import Foundation
import Glibc
import Shared

/// An HTTP answer exactly as received.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: String

    /// A field's value if the field occurs exactly once; `name` in any case.
    package subscript(_ name: String) -> String? {
        let found = headers.filter { $0.name.lowercased() == name.lowercased() }
        return found.count == 1 ? found[0].value : nil
    }

    /// The body as a JSON object; empty if it is not one.
    package var json: [String: Any] {
        ((try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]) ?? [:]
    }

    /// The last segment of a problem's type, such as `sold-out`.
    package var problem: String? {
        guard let type = json["type"] as? String, type.hasPrefix("/problems/") else { return nil }
        return String(type.dropFirst("/problems/".count))
    }

    /// The value of a sample such as `sale_redis_ready`, of the answer to /metrics; nil if it has none.
    package func sample(_ name: String) -> Double? {
        let line = body.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) }
    }
}

/// One connection to a server on a Unix socket. It sends bytes as given and parses answers strictly, so that a test
/// sees what a client would.
package final class UnixHTTPClient {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects. A server that doesn't answer within 20 seconds fails the test instead of hanging it.
    package init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let connected = SocketAddress.unix(path: path).withSockaddr { connect(descriptor, $0, $1) }
        guard connected == 0 else { throw Failure("can't connect to \(path): \(String(cString: strerror(errno)))") }
    }

    /// Also runs if `init` throws, because all properties are set by then. So `init` must not close it: the second
    /// close could hit another test's descriptor.
    deinit { close(descriptor) }

    /// Sends a request, with its Content-Length, and does not wait for the answer.
    package func send(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: String? = nil
    ) throws {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        try send(raw: text + "\r\n" + (body ?? ""))
    }

    /// Sends bytes as they are.
    package func send(raw text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw Failure("the server closed while a request was sent: \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends a request and reads its answer.
    package func ask(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: String? = nil
    ) throws -> HTTPAnswer {
        try send(method, target, headers: headers, body: body)
        return try answer(toHead: method == "HEAD")
    }

    /// Reads the next answer.
    package func answer(toHead: Bool = false) throws -> HTTPAnswer {
        let headEnd = Array("\r\n\r\n".utf8)
        var end: Int?
        while end == nil {
            end = received.indices.first { received[$0...].starts(with: headEnd) }
            if end == nil { try receive() }
        }
        let lines = String(decoding: received[0..<end!], as: UTF8.self).components(separatedBy: "\r\n")
        received.removeFirst(end! + headEnd.count)
        let words = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            throw Failure("not a status line: \(lines[0])")
        }
        var answer = HTTPAnswer(status: status, headers: [], body: "")
        for line in lines.dropFirst() {
            guard let colon = line.range(of: ": ") else { throw Failure("not a field: \(line)") }
            answer.headers.append((String(line[..<colon.lowerBound]), String(line[colon.upperBound...])))
        }
        let length = answer["content-length"].flatMap { Int($0) } ?? 0
        if !toHead, status != 304 {
            while received.count < length { try receive() }
            answer.body = String(decoding: received[0..<length], as: UTF8.self)
            received.removeFirst(length)
        }
        return answer
    }

    /// Whether the server has closed the connection without sending anything more.
    package func isClosed() -> Bool {
        do {
            try receive()
            return false
        } catch {
            return received.isEmpty && errno != EAGAIN
        }
    }

    private func receive() throws {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var count: Int
        repeat {
            errno = 0
            count = recv(descriptor, &chunk, chunk.count, 0)
            // A process that was stopped for a while has no answer yet because of that (signal(7)).
        } while count < 0 && errno == EINTR
        guard count > 0 else {
            let reason = count == 0 ? "the connection was closed" : String(cString: strerror(errno))
            throw Failure("no answer: \(reason)")
        }
        received += chunk[0..<count]
    }
}
