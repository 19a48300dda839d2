import CLibFuzzer
import Glibc
import Shared

@testable import HTTPEdge

/// Any bytes as a message, parsed whole, and again cut in two at the place that the first byte says. The verdict must
/// be the same, and every part of a request must be within it.
enum Verdict: Equatable {
    case incomplete
    case refused(Int)
    case request(end: Int, body: [UInt8])
}

let limits = EdgeLimits()
nonisolated(unsafe) var parser = RequestParser(limits: limits)

func verdict(_ message: [UInt8], cut: Int) -> Verdict {
    let early = parser.parse(message.span.extracting(first: cut))
    let outcome = parser.parse(message.span)
    switch (early, outcome) {
    case (.refused(let early), .refused(let late)):
        precondition(early.status == late.status, "a cut changes why it is refused")
    case (.refused, _): preconditionFailure("a cut makes it wrong")
    case (.head(let early), .head(let late)): precondition(early.bytes == late.bytes, "a cut moves the end of the head")
    case (.head, _): preconditionFailure("a cut makes it right")
    case (.incomplete, _): break
    }
    switch outcome {
    case .incomplete: return .incomplete
    case .refused(let problem): return .refused(problem.status.rawValue)
    case .head(var head):
        var bytes = message
        if head.isChunked {
            switch dechunk(&bytes, head, cut: cut) {
            case .refused(let problem): return .refused(problem.status.rawValue)
            case .incomplete: return .incomplete
            case .complete(let end, let decoded):
                head.contentLength = decoded
                touch(bytes, head)
                return .request(end: end, body: Array(bytes[head.bytes..<head.messageBytes]))
            }
        }
        guard head.messageBytes <= bytes.count else { return .incomplete }
        touch(bytes, head)
        return .request(end: head.messageBytes, body: Array(bytes[head.bytes..<head.messageBytes]))
    }
}

/// Decodes the chunks after a head in two pieces.
func dechunk(_ bytes: inout [UInt8], _ head: RequestHead, cut: Int) -> ChunkedBody.Step {
    var chunks = ChunkedBody()
    let body = bytes[head.bytes...]
    let first = max(0, min(body.count, cut - head.bytes))
    var piece = Array(body.prefix(first))
    var span = piece.mutableSpan
    guard case .incomplete(let before) = chunks.decode(&span, from: 0, limits: limits) else {
        // It ended, or went wrong, within the first piece; so it must when all of it is there.
        chunks = ChunkedBody()
        var whole = bytes.mutableSpan
        return chunks.decode(&whole, from: head.bytes, limits: limits)
    }
    var rest = Array(body.dropFirst(first))
    var restSpan = rest.mutableSpan
    let step = chunks.decode(&restSpan, from: 0, limits: limits)
    guard case .complete(let end, let decoded) = step else { return step }
    bytes.replaceSubrange(head.bytes..<head.bytes + before, with: piece[..<before])
    bytes.replaceSubrange(head.bytes + before..<head.bytes + before + decoded, with: rest[..<decoded])
    return .complete(end: head.bytes + first + end, decoded: before + decoded)
}

/// Reads everything that a handler may read.
func touch(_ bytes: [UInt8], _ head: RequestHead) {
    parser.fields.withUnsafeBufferPointer { fields in
        let request = Request(head, bytes: bytes.span, fields: fields.span)
        precondition(request.body.count <= limits.bodyBytes && request.path.count <= limits.requestLineBytes)
        _ = request.queryNumber("after")
        _ = request.queryText("buyer")
        _ = request.bearerToken?.count
        _ = request.trace
        precondition(head.isHTTP10 || request.count(of: "host") == 1)
    }
}

func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = bytes.first else { return 0 }
    let message = Array(bytes.dropFirst())
    let whole = verdict(message, cut: message.count)
    let inTwo = verdict(message, cut: message.count * Int(first) / 255)
    precondition(whole == inTwo, "a cut changes the verdict")
    return 0
}

var argc = CommandLine.argc
var argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&argc, &argv, fuzz))
