import RedisClient
import Shared

extension Command {
    static let pause = control(
        .pause, "Stops selling for a while: buyers are answered sale-paused, winners still get their wins.")
    static let resume = control(.resume, "Continues to sell after a pause.")
    static let close = control(.close, "Ends a sale now; winners keep their wins, and still get them as answers.")

    private static func control(_ action: BlockingRedis.Control, _ summary: String) -> Command {
        Command(action.rawValue, "ID [--json]", summary) { line, context in
            let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
            let sale = try Arguments.sale(arguments.words[0])
            let redis = try context.redis()
            let isDone = try context.change(sale) { () throws(RedisError) in try redis.control(sale, action) }
            guard isDone else {
                throw CommandFailure("Redis has no sale \(sale)", ExitCode.noInput)
            }
            try context.confirm(redis)
            let report = try context.changed(sale, on: redis)
            Output.line(arguments.has("--json") ? report.json : "\(sale) is \(report.state)")
            return ExitCode.ok
        }
    }
}
