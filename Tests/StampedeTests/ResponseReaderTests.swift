import Shared
import TestSupport
import Testing

@testable import Stampede

@Suite struct `The load client's response reader` {
    private static func response(_ head: String, _ body: String) -> String {
        "HTTP/1.1 \(head)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let secured = response("201 Created", #"{"status":"secured","position":17,"quantity":1}"#)
    private static let soldOut = response(
        "409 Conflict\r\nRetry-After: 3\r\nConnection: close", #"{"type":"/problems/sold-out","title":"Sold out"}"#)

    @Test(arguments: [secured, soldOut])
    func `waits until a response is whole`(_ text: String) {
        for end in 0..<text.utf8.count {
            let outcome = String(decoding: text.utf8.prefix(end), as: UTF8.self).withBytes { bytes in
                if case .incomplete = ResponseReader.read(bytes) { true } else { false }
            }
            #expect(outcome, "cut at \(end)")
        }
    }

    @Test func `finds the position, the problem and when to come back`() {
        Self.secured.withBytes { (bytes) -> Void in
            guard case .answer(let answer) = ResponseReader.read(bytes) else {
                Issue.record("no answer")
                return
            }
            #expect(answer.status == 201)
            #expect(answer.position == 17)
            #expect(!answer.closes)
        }
        Self.soldOut.withBytes { (bytes) -> Void in
            guard case .answer(let answer) = ResponseReader.read(bytes) else {
                Issue.record("no answer")
                return
            }
            #expect(answer.retryAfterSeconds == 3)
            #expect(answer.closes)
            #expect(answer.problem.map { bytes.extracting($0).string } == "sold-out")
        }
    }

    @Test(arguments: [
        "not HTTP at all", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 xyz \r\n\r\n",
    ])
    func `rejects anything else`(_ text: String) {
        let malformed = text.withBytes { if case .malformed = ResponseReader.read($0) { true } else { false } }
        #expect(malformed)
    }
}
