import RedisClient
import TestSupport
import Testing

@Suite struct `A stream that is read` {
    /// Ids and numbers of what is read of a stream of `entries`, numbered from 1.
    private func read(_ entries: Int, after: String, atMost max: Int) throws -> [String] {
        let server = try RedisServer()
        let redis = try server.connect()
        for number in 0..<entries {
            try redis.command(["XADD", "s", RedisArgument("\(number + 1)-0"), "n", RedisArgument(number + 1)])
        }
        var texts: [String] = []
        try redis.forEachEntry(of: "s", after: after, atMost: max) { id, words in
            texts.append(([id] + words.strings).joined(separator: " "))
        }
        return texts
    }

    @Test(arguments: [0, 1, 999, 1000, 1001, 2000, 2500])
    func `comes whole and in order, whatever its number of pages`(_ entries: Int) throws {
        #expect(try read(entries, after: "0-0", atMost: .max) == (0..<entries).map { "\($0 + 1)-0 n \($0 + 1)" })
    }

    @Test(arguments: [(0, []), (2, [2, 3]), (1000, Array(2...1001)), (1499, Array(2...1500)), (9999, Array(2...1500))])
    func `comes from behind an entry on, up to what is asked for`(_ max: Int, _ expected: [Int]) throws {
        #expect(try read(1500, after: "1-0", atMost: max) == expected.map { "\($0)-0 n \($0)" })
    }
}
