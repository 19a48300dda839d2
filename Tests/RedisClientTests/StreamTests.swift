import RedisClient
import TestSupport
import Testing

@Suite struct `A stream that is read` {
    /// Ids and numbers of the entries read from a stream of `entries`, numbered from 1.
    private func read(_ entries: Int, after: String, atMost max: Int) throws -> [String] {
        let server = try RedisServer()
        let redis = try server.connect()
        for number in 0..<entries {
            try redis.command(["XADD", "s", "\(number + 1)-0", "n", "\(number + 1)"])
        }
        var texts: [String] = []
        try redis.forEachEntry(of: "s", after: after, atMost: max) { id, words in
            texts.append(([id] + words.strings).joined(separator: " "))
        }
        return texts
    }

    @Test(arguments: [0, 1, 999, 1000, 1001, 2000, 2500])
    func `comes whole and in order, however many pages it has`(_ entries: Int) throws {
        #expect(try read(entries, after: "0-0", atMost: .max) == (0..<entries).map { "\($0 + 1)-0 n \($0 + 1)" })
    }

    @Test(arguments: [(0, []), (2, [2, 3]), (1000, Array(2...1001)), (1499, Array(2...1500)), (9999, Array(2...1500))])
    func `comes from after an entry on, up to the number asked for`(_ max: Int, _ expected: [Int]) throws {
        #expect(try read(1500, after: "1-0", atMost: max) == expected.map { "\($0)-0 n \($0)" })
    }
}
