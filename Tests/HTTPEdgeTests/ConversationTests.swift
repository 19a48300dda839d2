import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

/// What one client sends, and how far it has got.
private struct Conversation {
    let client: EdgeClient
    /// What has not been sent yet.
    var rest: ArraySlice<UInt8>
    /// The requests that reach the handler, in order.
    let requests: [String]
    /// The status of each answer.
    let statuses: [Int]
}

/// Many clients at once that send pieces of any size, and are answered at once or later, in any order between clients.
@Suite struct `Whatever is said between clients and server` {
    private static func conversation(_ edge: EdgeUnderTest, _ name: Int, _ random: inout SeededRandom) throws
        -> Conversation
    {
        var text: [UInt8] = []
        var requests: [String] = []
        var statuses: [Int] = []
        for number in 0..<Int.random(in: 1...8, using: &random) {
            let body = String(repeating: "b", count: Int.random(in: 0...1024, using: &random))
            let padding = String(repeating: "p", count: Int.random(in: 0...9000, using: &random))
            let fields = "Host: h\r\nX: \(Bool.random(using: &random) ? padding : "")\r\n"
            let framed =
                Bool.random(using: &random) || body.isEmpty
                ? "Content-Length: \(body.count)\r\n\r\n\(body)"
                : "Transfer-Encoding: chunked\r\n\r\n\(String(body.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
            text += Array("POST /\(name)/\(number) HTTP/1.1\r\n\(fields)\(framed)".utf8)
            requests.append("post /\(name)/\(number)")
            statuses.append(200)
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            text += Array("GET /\(name)/last HTTP/1.0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
            requests.append("get /\(name)/last")
            statuses.append(200)
        case 1:
            let bad = RequestCase.all.filter { $0.status != nil && $0.bytes.count < 500 }.randomElement(using: &random)!
            text += bad.bytes + Array("GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
            statuses.append(bad.status!)
        default: break
        }
        return Conversation(client: try edge.connect(), rest: text[...], requests: requests, statuses: statuses)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `every request is handled once and answered in its client's order`(
        _ transport: EdgeUnderTest.Transport
    ) throws {
        var random = SeededRandom()
        for _ in 0..<100 {
            let edge = try EdgeUnderTest(over: transport)
            edge.answerBytes = [2, 2000].randomElement(using: &random)!
            var conversations: [Conversation] = []
            for name in 0..<5 { conversations.append(try Self.conversation(edge, name, &random)) }
            func isOver() -> Bool {
                conversations.allSatisfy { $0.rest.isEmpty && $0.client.responses.count == $0.statuses.count }
            }
            // Parsing all answers costs more than a step, so look only now and then.
            for step in 0..<5000 {
                if step % 50 == 0, isOver() { break }
                edge.defers = Bool.random(using: &random)
                let index = conversations.indices.randomElement(using: &random)!
                let piece = conversations[index].rest.prefix(Int.random(in: 1...4000, using: &random))
                let sent = conversations[index].client.offer(Array(piece))
                conversations[index].rest = conversations[index].rest.dropFirst(sent)
                if conversations[index].rest.isEmpty, Int.random(in: 0..<10, using: &random) == 0 {
                    conversations[index].client.finishSending()
                }
                if !edge.deferred.isEmpty, Bool.random(using: &random) {
                    let exchange = edge.deferred.remove(at: edge.deferred.indices.randomElement(using: &random)!)
                    edge.answer(exchange, "late")
                }
                if Bool.random(using: &random) { try edge.loop.pass(waitMilliseconds: 0) }
                if Bool.random(using: &random) { conversations[index].client.receive() }
            }
            for conversation in conversations {
                #expect(conversation.client.responses.map(\.status) == conversation.statuses, "seed \(random.seed)")
                let own = conversation.requests[0].split(separator: "/")[1]
                let handled = edge.handled.filter { $0.split(separator: "/")[1] == own }
                #expect(handled == conversation.requests, "seed \(random.seed)")
            }
            #expect(!edge.handled.contains("get /hidden"), "seed \(random.seed)")
        }
    }
}
