import Shared

/// Reads one HTTP/1.1 response with a Content-Length; copies nothing.
enum ResponseReader {
    enum Outcome {
        case incomplete
        case answer(Answer)
        /// Not a response that this client can read.
        case malformed
    }

    static func read(_ bytes: Span<UInt8>) -> Outcome {
        guard bytes.count >= 12 else { return .incomplete }
        guard bytes.starts(with: "HTTP/1."), let status = bytes.extracting(9..<12).decimal, status >= 100 else {
            return .malformed
        }
        var answer = Answer()
        answer.status = status
        var contentLength: Int?
        var lineStart = 0
        // The status line, then the fields, up to an empty line.
        while true {
            guard let lineEnd = bytes.firstIndex(of: UInt8(ascii: "\n"), from: lineStart) else { return .incomplete }
            let line = bytes.extracting(lineStart..<max(lineStart, lineEnd - 1))
            lineStart = lineEnd + 1
            if line.count == 0 { break }
            switch line[0] | 0x20 {
            case UInt8(ascii: "c"):
                if let value = value(of: "content-length:", line) {
                    contentLength = value.decimal
                } else if let value = value(of: "connection:", line) {
                    answer.closes = value.equalsIgnoringCase("close")
                }
            case UInt8(ascii: "r"):
                if let value = value(of: "retry-after:", line) { answer.retryAfterSeconds = value.decimal ?? 0 }
            default: break
            }
        }
        guard let contentLength else { return .malformed }
        answer.bytes = lineStart + contentLength
        guard bytes.count >= answer.bytes else { return .incomplete }
        answer.body = lineStart..<answer.bytes
        read(body: bytes, lineStart..<answer.bytes, &answer)
        return .answer(answer)
    }

    @_lifetime(copy line)
    private static func value(of name: StaticString, _ line: Span<UInt8>) -> Span<UInt8>? {
        let length = name.utf8CodeUnitCount
        guard line.count > length, line.extracting(0..<length).equalsIgnoringCase(name) else { return nil }
        var start = length
        while start < line.count, line[start] == UInt8(ascii: " ") { start += 1 }
        return line.extracting(start..<line.count)
    }

    /// Finds the two members that matter by the exact text in which our API writes them.
    private static func read(body bytes: Span<UInt8>, _ range: Range<Int>, _ answer: inout Answer) {
        let body = bytes.extracting(range)
        if answer.status == 200 || answer.status == 201 {
            guard let start = body.end(of: "\"position\":") else { return }
            var end = start
            while end < body.count, body[end] &- UInt8(ascii: "0") < 10 { end += 1 }
            answer.position = body.extracting(start..<end).decimal ?? 0
        } else if answer.status >= 400, let start = body.end(of: "\"type\":\"/problems/"),
            let end = body.firstIndex(of: UInt8(ascii: "\""), from: start)
        {
            answer.problem = range.lowerBound + start..<range.lowerBound + end
        }
    }
}
