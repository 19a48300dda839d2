import EventLoop
import RedisClient
import Shared

extension Command {
    static let pause = control(
        .pause, "Stops selling for a while: buyers are answered sale-paused, winners still get their wins.")
    static let resume = control(.resume, "Continues to sell after a pause.")
    static let close = control(.close, "Ends a sale now; winners keep their wins, and still get them as answers.")

    /// How long a fenced sale is waited for: after a failover, the worker lifts the fence within some three seconds,
    /// and whoever stops a sale should not have to guess when.
    private static let fenceMilliseconds = 10_000

    /// Makes a change, and again while it is refused because the sale is fenced.
    private static func whenCompared(_ sale: SaleID, _ change: () throws -> ChangeRefusal?) throws -> ChangeRefusal? {
        let end = Instant.now.advanced(milliseconds: fenceMilliseconds)
        var refusal = try change()
        guard refusal == .fenced else { return refusal }
        Output.error("salectl: \(sale) is fenced: waiting for the worker to compare it")
        try Poll.until(end) {
            refusal = try change()
            return refusal != .fenced
        }
        return refusal
    }

    private static func control(_ action: BlockingRedis.Control, _ summary: String) -> Command {
        Command(action.rawValue, "ID [--json]", summary) { line, context in
            let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
            let sale = try Arguments.sale(arguments.words[0])
            let redis = try context.redis()
            let refusal = try whenCompared(sale) {
                try context.change(sale) { () throws(RedisError) in try redis.control(sale, action) }
            }
            let report = try context.changed(sale, on: redis, unless: refusal)
            Output.line(arguments.has("--json") ? report.json : "\(sale) is \(report.standing)")
            return ExitCode.ok
        }
    }
}
