import RedisClient
import Shared

extension Command {
    static let failover = Command(
        "failover", "[--json]", "Makes a replica the primary on purpose, and loses nothing.",
        details: """
              --json   as JSON

            For SALE_REDIS_URL=redis+sentinel://…. Stops the primary's writes, waits until its replicas have everything,
            and only then lets the Sentinels promote one. SENTINEL FAILOVER alone stops nothing: orders that a late API
            process still sends to the old primary, and that another replica acknowledges, are lost. Buyers get 202 or
            503 for some seconds.

            Exit code 0: there is a new primary, and the old one follows it; 75: it failed, and the message says why;
            69: Redis or the Sentinels could not be asked, and nothing was begun. The stop ends by itself after 75
            seconds at most.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        let endpoint = try RedisEndpoint(context.environment)
        guard case .primary(let name, let sentinels) = endpoint.location else {
            throw CommandFailure(
                "SALE_REDIS_URL names no Sentinels: promote by hand (docs/runbook.md#failing-over-by-hand)",
                ExitCode.config)
        }
        let failover = PlannedFailover(name: name, sentinels: sentinels, endpoint: endpoint)
        let addresses = try failover.run { Output.error("salectl: \($0)") }
        let figures: Figures = [
            "old_primary": .text("\(addresses.old)"), "new_primary": .text("\(addresses.new)"),
        ]
        if arguments.has("--json") { Output.json(figures.append) } else { Output.print(figures.lines) }
        return ExitCode.ok
    }
}
