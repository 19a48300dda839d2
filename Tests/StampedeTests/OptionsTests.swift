import Shared
import Testing

@testable import Stampede

@Suite struct `The load client's command line` {
    private let target = ["--target", "http://127.0.0.1:8101", "--sale", "thursday"]

    @Test func `defaults to a closed loop of 128 presses`() throws {
        let options = try Options(target)
        #expect(options.pace == .closed)
        #expect(options.connections == 128)
        #expect(options.buyers == 10_000)
        #expect(!options.once)
    }

    @Test func `is an open loop with --over`() throws {
        let options = try Options(target + ["--buyers", "1000000", "--over", "10s", "--retry-share", "0.02"])
        #expect(options.pace == .open(overNanoseconds: 10_000_000_000))
        #expect(options.retryPerMillion == 20_000)
    }

    @Test func `spreads presses over at most a year`() throws {
        #expect(try Options(target + ["--over", "8760h"]).pace == .open(overNanoseconds: 365 * 86_400 * 1_000_000_000))
        #expect {
            _ = try Options(target + ["--over", "31536000001ms"])
        } throws: {
            "\($0)".contains("--over must be a duration, of a year (8760h) at most")
        }
    }

    @Test func `takes several targets, TCP and Unix`() throws {
        let options = try Options(target + ["--target", "unix:/run/api.sock"])
        #expect(options.targets.map(\.address) == [.tcp(host: "127.0.0.1", port: 8101), .unix(path: "/run/api.sock")])
    }

    @Test(arguments: [
        ["--sale", "x"], ["--target", "http://127.0.0.1:1"], ["--target", "https://127.0.0.1", "--sale", "x"],
        ["--target", "http://a-name:80", "--sale", "x"], ["--target", "http://127.0.0.1:1", "--sale", "X"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--buyers", "0"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--over", "10"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--over", "3000000h"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--retry-share", "2"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--unknown"],
        ["--target", "unix:/run/api.sock", "--sale", "x", "--sources", "2"],
        ["--target", "http://127.0.0.1:1", "--sale", "x", "--sale", "y"],
    ])
    func `rejects invalid options`(_ line: [String]) {
        #expect(throws: Arguments.UsageError.self) { _ = try Options(line) }
    }
}
