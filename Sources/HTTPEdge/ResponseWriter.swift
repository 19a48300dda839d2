import Glibc
package import Shared

/// The type of a body.
package enum ContentType: Sendable {
    case json
    case problem
    /// Prometheus' text format.
    case metrics
    /// One JSON text per line (jsonlines.org).
    case jsonLines
    /// No body, as in 304.
    case none

    var line: StaticString {
        switch self {
        case .json: "Content-Type: application/json\r\n"
        case .problem: "Content-Type: application/problem+json\r\n"
        case .metrics: "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        case .jsonLines: "Content-Type: application/jsonl\r\n"
        case .none: ""
        }
    }
}

/// Composes answers, one after the other, in buffers that are reused for the next ones.
struct ResponseWriter: ~Copyable {
    /// What the answer says about the connection.
    enum Persistence { case implied, keepAlive, close }

    /// The composed answers.
    private(set) var output = ByteBuffer(capacity: 4096)
    private var body = ByteBuffer(capacity: 4096)
    private var date = DateField()

    /// Removes the answers, and keeps memory for as many as a pass usually has.
    mutating func removeAll(keeping most: Int) {
        if output.capacity > most { output.release() } else { output.removeAll() }
    }

    /// Appends an answer to `output`.
    mutating func compose(
        _ status: Status, _ contentType: ContentType, trace: TraceID, persistence: Persistence, withoutBody: Bool,
        headers: (inout ByteBuffer) -> Void, body compose: (inout ByteBuffer) -> Void
    ) {
        body.removeAll()
        compose(&body)
        output.append(status.line)
        date.append(to: &output)
        output.append("X-Request-Id: ")
        output.append(trace)
        output.append("\r\n")
        output.append(contentType.line)
        headers(&output)
        switch persistence {
        case .implied: break
        case .keepAlive: output.append("Connection: keep-alive\r\n")
        case .close: output.append("Connection: close\r\n")
        }
        if status != .notModified {
            output.append("Content-Length: ")
            output.append(decimal: body.count)
            output.append("\r\n")
        }
        output.append("\r\n")
        if !withoutBody { output.append(body) }
    }
}

/// The Date field (RFC 9110 section 6.6.1), formatted once a second.
private struct DateField: ~Copyable {
    private var second: time_t = -1
    private var line = ByteBuffer(capacity: 64)

    mutating func append(to output: inout ByteBuffer) {
        // CLOCK_REALTIME_COARSE is read without a system call, and a few milliseconds don't matter in a Date.
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        if now.tv_sec != second {
            second = now.tv_sec
            var parts = tm()
            gmtime_r(&second, &parts)
            line.removeAll()
            line.append("Date: ")
            line.append(upTo: 40) { room in
                // strftime uses the C locale, which our processes never leave.
                strftime(
                    room.baseAddress!.assumingMemoryBound(to: CChar.self), 40, "%a, %d %b %Y %H:%M:%S GMT\r\n", &parts)
            }
        }
        output.append(line)
    }
}

extension ByteBuffer {
    /// Appends `name: value` as a header line. Name and value are ours: nothing a client sent is ever put into a
    /// header.
    package mutating func appendHeader(_ name: StaticString, _ value: StaticString) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    package mutating func appendHeader(_ name: StaticString, _ value: Int) {
        append(name)
        append(": ")
        append(decimal: value)
        append("\r\n")
    }

    /// Appends a problem document (RFC 9457); `members` appends the members that its type adds.
    mutating func append(_ problem: Problem, trace: TraceID, _ members: (inout ByteBuffer) -> Void) {
        append("{\"type\":\"/problems/")
        append(problem.name)
        append("\",\"title\":\"")
        append(problem.title)
        append("\",\"status\":")
        append(decimal: problem.status.rawValue)
        append(",\"detail\":\"")
        append(problem.detail)
        append("\",\"instance\":\"urn:trace:")
        append(trace)
        append("\"")
        members(&self)
        append("}")
    }
}
