import Shared

extension Command {
    static let plan = Command(
        "plan",
        "--buyers N --over DURATION --stock N [--turn-window DURATION] [--presses X] [--arrival DURATION] "
            + "[--headroom X] [--json]",
        "Says how many processes and how much memory a sale needs, with the arithmetic.",
        details: """
              --buyers N          how many buyers press
              --over DURATION     the time in which all of them press, as in 10s
              --stock N           units on sale
              --turn-window DURATION
                                  the sale has a waiting room with turns of this length: pages are looked at more often,
                                  and Redis has a place for each buyer
              --presses X         presses of each buyer, retries included (default 1.2)
              --arrival DURATION  how long before the opening buyers begin to open the page (default 5m): TLS handshakes
              --headroom X        how many times what is needed to provide (default 2.5)
              --json              as JSON

            Needs no server: it calculates from costs that were measured on one machine (docs/performance.md).
            docs/capacity.md explains it.
            """
    ) { line, _ in
        let arguments = try Arguments(
            line,
            options: ["--buyers", "--over", "--stock", "--turn-window", "--presses", "--arrival", "--headroom"],
            flags: ["--json"])
        guard let buyers = try arguments.integer("--buyers", in: 1...1_000_000_000) else {
            throw Arguments.UsageError("--buyers is missing")
        }
        guard let milliseconds = try arguments.duration("--over") else {
            throw Arguments.UsageError("--over is missing")
        }
        guard let stock = try arguments.integer("--stock", in: 1...Limits.stockMax) else {
            throw Arguments.UsageError("--stock is missing")
        }
        var demand = CapacityPlan.Demand(buyers: buyers, seconds: Double(milliseconds) / 1000, stock: stock)
        demand.turnSeconds = try AdmissionArgument.turnWindow(arguments).map { Double($0) / 1000 }
        if let presses = try arguments.factor("--presses", in: 1...100) { demand.pressesEach = presses }
        if let arrival = try arguments.duration("--arrival") { demand.arrivalSeconds = Double(arrival) / 1000 }
        if let headroom = try arguments.factor("--headroom", in: 1...100) { demand.headroom = headroom }
        let plan = CapacityPlan(demand: demand, costs: MeasuredCosts())
        if arguments.has("--json") {
            Output.json { json in
                json.appendMember("bottleneck", plan.bottleneck)
                for figure in plan.figures { json.appendMember(figure.name, figure.value) }
            }
        } else {
            Output.print(
                table: plan.figures.map { ["\($0.name)", "\($0.value)", "= \($0.arithmetic)"] },
                headings: ["figure", "value", ""])
            Output.line("saturates first: \(plan.bottleneck)")
        }
        return ExitCode.ok
    }
}

extension Arguments {
    /// A number such as `2.5` within `range`.
    fileprivate func factor(_ option: String, in range: ClosedRange<Double>) throws(UsageError) -> Double? {
        guard let text = try value(option) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw UsageError("\(option) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
