import Checker
import Foundation
import Shared
import TestSupport
import Testing

@Suite struct `The log of a run` {
    private static let won = #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":201,"problem":null,"position":7}"#
    private static let lost = #"{"inv_ns":3,"resp_ns":null,"buyer":"b","key":"k","status":0,"problem":null}"#
    private static let soldOut = #"{"inv_ns":5,"resp_ns":6,"buyer":"c","key":"l","status":409,"problem":"sold-out"}"#
    private static let join =
        #"{"kind":"join","inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":201,"problem":null,"position":7}"#

    private func end(_ attempts: Int, _ sale: String = "demo") -> String {
        #"{"kind":"end","sale":"\#(sale)","attempts":\#(attempts)}"#
    }

    private func read(_ lines: String...) throws -> RunLog {
        try lines.map { $0 + "\n" }.joined().withBytes { try RunLog($0) }
    }

    /// Why it can't be read.
    private func fault(_ lines: String...) throws -> String? {
        do {
            _ = try lines.map { $0 + "\n" }.joined().withBytes { try RunLog($0) }
            return nil
        } catch let error as RunLog.Malformed {
            return error.description
        }
    }

    @Test func `is read as the load client writes it`() throws {
        let log = try read(Self.won, Self.lost, Self.soldOut, Self.join, end(4))
        #expect(log.sales == ["demo"])
        #expect(log.attempts.map(\.line) == [1, 2, 3, 4])
        #expect(log.attempts.map(\.isJoin) == [false, false, false, true])
        #expect(log.attempts.map(\.position) == [7, nil, nil, 7])
        #expect(log.attempts[1].isUnknown)
        #expect(log.attempts[2].isSoldOut)
        let unnamed = #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":201,"problem":null,"position":null}"#
        #expect(try read(unnamed, end(1)).attempts[0].won)
    }

    @Test(arguments: [
        #"{"inv_ns":1}"#, #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","stat"#, "",
        // A kind that is not known, and a position of nobody.
        #"{"kind":"other","inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":500}"#,
        #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":409,"position":7}"#,
        // Answered before it was sent, without an answer, or without a status.
        #"{"inv_ns":3,"resp_ns":2,"buyer":"b","key":"k","status":201,"position":7}"#,
        #"{"inv_ns":1,"resp_ns":null,"buyer":"b","key":"k","status":201,"position":7}"#,
        #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":0}"#,
        #"{"kind":"end","attempts":1}"#, #"{"kind":"end","sale":"demo"}"#,
    ])
    func `is refused by the line that is not an attempt`(_ line: String) throws {
        #expect(try fault(Self.won, line, end(2)) == "line 2 is not an attempt as stampede --log writes it")
    }

    @Test func `is refused if it was cut off, or if lines are missing or repeated`() throws {
        #expect(try fault(Self.won, Self.lost, end(2)) == nil)
        for line in [Self.lost, Self.join] {
            let stampedes = line.replacingOccurrences(of: #""inv_ns""#, with: #""due_ns":1,"inv_ns""#)
            let fault = try fault(Self.won, stampedes)
            #expect(fault == "line 2 is not the end of a run: the log was cut off after it")
        }
        #expect(try fault(Self.won, end(2)) == "line 2 ends a run of 2 attempts, and 1 are before it")
        #expect(try fault(Self.won, Self.won, end(1)) == "line 3 ends a run of 1 attempts, and 2 are before it")
    }

    @Test func `of another client may have attempts alone`() throws {
        let log = try read(Self.won, Self.lost)
        #expect(log.attempts.count == 2)
        #expect(log.sales == [])
    }

    @Test func `may be followed by another, each with its end`() throws {
        let log = try read(Self.won, end(1), Self.lost, Self.soldOut, end(2, "other"))
        #expect(log.attempts.count == 3)
        #expect(log.sales == ["demo", "other"])
        // The first was cut off.
        #expect(try fault(Self.won, Self.lost, Self.soldOut, end(2)) != nil)
        #expect(try fault(Self.won, end(1), Self.lost) != nil)
    }
}
