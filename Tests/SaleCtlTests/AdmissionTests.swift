import RedisClient
import Shared
import TestSupport
import Testing

extension salectl {
    @Test func `creates a sale with a waiting room, and changes its rate while buyers wait`() throws {
        let operate = try Operator()
        let made = try operate.json([
            "create", "demo", "--title", "T", "--stock", "5", "--opens-at", "+1h", "--admit", "2000/s",
            "--turn-window", "90s",
        ])
        let room = try #require(made["queue"] as? [String: Any])
        #expect(room["rate"] as? Int == 2000)
        #expect(room["turn_window_ms"] as? Int == 90_000)
        let sale = SaleID("demo")!
        _ = try TestSale.join(operate.redis, sale, ["a", "b", "c"])
        #expect(try operate.run(["admit", "demo", "500/s"]).output == "demo admits 500/s, 3 are waiting\n")
        #expect(
            try operate.run(["admit", "demo", "pause"]).output == "demo admits 500/s when resumed, 3 are waiting\n")
        #expect((try operate.json(["show", "demo"])["queue"] as? [String: Any])?["paused"] as? Bool == true)
        #expect(try operate.run(["admit", "demo", "resume"]).code == 0)
        let shown = try operate.run(["show", "demo"]).output
        #expect(shown.contains("waiting_room      500/s\n"))
        #expect(shown.contains("joined            3\n"))
        #expect(
            try operate.run(["watch", "demo", "--every", "10ms", "--for", "10ms"]).output.contains("waiting 3  500/s"))
        // The schedule moves with the opening.
        #expect(try operate.run(["set", "demo", "--opens-at", "+2h"]).code == 0)
        let queue = try #require(try operate.redis.queue(sale))
        #expect(queue.room.schedule.last.from.value > queue.readAt.value + 7_000_000)
    }

    @Test(arguments: [
        (["admit", "demo", "fast"], ExitCode.usage, "RATE is \"fast\"; it must be a rate like 50/s"),
        (["admit", "demo", "0/s"], ExitCode.usage, "RATE is \"0/s\"; it must be a rate like 50/s"),
        (["admit", "demo", "100"], ExitCode.usage, "RATE is \"100\"; it must be a rate like 50/s"),
        (["admit", "demo", "5/s"], ExitCode.cantCreate, "has no waiting room"),
        (["admit", "ghost", "5/s"], ExitCode.noInput, "no sale ghost"),
        (["create", "x", "--title", "T", "--stock", "1", "--turn-window", "1m"], ExitCode.usage, "--admit"),
        (
            ["create", "x", "--title", "T", "--stock", "1", "--admit", "5/s", "--turn-window", "61500ms"],
            ExitCode.usage, "--turn-window must be whole seconds"
        ),
        (
            ["create", "x", "--title", "T", "--stock", "1", "--admit", "5/s", "--turn-window", "59s"], ExitCode.usage,
            "from 1m"
        ),
    ])
    func `refuses an admission that is not possible`(_ line: [String], _ code: Int32, _ message: String) throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let result = try operate.run(line)
        #expect(result.code == code)
        #expect(result.errors.contains(message), "\(result.errors)")
    }
}
