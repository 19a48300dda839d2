import Foundation
import TestSupport
import Testing

@testable import SaleCtl

@Suite struct `A capacity plan` {
    /// Costs that make the arithmetic easy to follow.
    private var costs: MeasuredCosts {
        var costs = MeasuredCosts()
        costs.apiDecision = 10
        costs.redisRefusal = 2
        costs.redisWin = 10
        costs.nginxRequest = 20
        costs.nginxHandshake = 100
        costs.nginxLook = 30
        costs.workerOrder = 50
        costs.redisOrder = 512
        costs.redisPlace = 100
        costs.aofPlace = 80
        costs.nginxConnection = 1 << 14
        return costs
    }

    private func figures(_ change: (inout CapacityPlan.Demand) -> Void = { _ in }) -> [String: Int] {
        var demand = CapacityPlan.Demand(buyers: 1_000_000, seconds: 10, stock: 10_000)
        demand.pressesEach = 1
        demand.headroom = 2
        demand.arrivalSeconds = 100
        change(&demand)
        let figures = CapacityPlan(demand: demand, costs: costs).figures
        return Dictionary(uniqueKeysWithValues: figures.map { ("\($0.name)", $0.value) })
    }

    @Test func `calculates cores, hosts, memory and time from measured costs`() {
        let figures = figures()
        #expect(figures["requests_per_second"] == 100_000)
        #expect(figures["api_processes"] == 2)
        #expect(figures["nginx_cores_for_requests"] == 4)
        #expect(figures["nginx_cores_for_handshakes"] == 2)
        #expect(figures["nginx_hosts"] == 5, "four, and one that may fail")
        #expect(figures["nginx_memory_mib"] == 15_625)
        #expect(figures["redis_busy_selling_percent"] == 100)
        #expect(figures["redis_busy_sold_out_percent"] == 20)
        #expect(figures["selling_milliseconds"] == 100)
        #expect(figures["redis_memory_mib"] == 10)
        #expect(figures["stored_after_milliseconds"] == 500)
    }

    @Test func `counts the looks of open pages, which a waiting room makes more frequent`() {
        let without = figures()
        #expect(without["page_looks_per_second"] == 22_223)
        #expect(without["nginx_cores_for_looks"] == 2)
        let long = figures { $0.turnSeconds = 120 }
        #expect(long["page_looks_per_second"] == 66_667, "the sale and the queue, every 30 s")
        let short = figures { $0.turnSeconds = 60 }
        #expect(short["page_looks_per_second"] == 133_334, "both every 15 s")
        #expect(short["nginx_cores_for_looks"] == 8)
        #expect(figures { $0.turnSeconds = 3600 }["page_looks_per_second"] == 44_445, "both every 45 s at most")
    }

    @Test func `has room for everybody's place in a waiting room, if there is one`() {
        #expect(figures()["redis_memory_for_places_mib"] == nil)
        let figures = figures {
            $0.turnSeconds = 60
            $0.buyers = 1 << 20
        }
        #expect(figures["redis_memory_for_places_mib"] == 200, "beside that of the orders")
        #expect(figures["redis_disk_for_places_mib"] == 80)
        #expect(figures["redis_memory_mib"] == 10)
    }

    @Test func `has no core, millisecond or percent more than what comes out even`() {
        var costs = costs
        costs.nginxHandshake = 420
        costs.redisRefusal = 2.2
        costs.redisWin = 12
        var demand = CapacityPlan.Demand(buyers: 10_000_000, seconds: 30, stock: 100_000)
        demand.pressesEach = 1.2
        let figures = CapacityPlan(demand: demand, costs: costs).figures
        func value(_ name: String) -> Int? { figures.first { "\($0.name)" == name }?.value }
        #expect(value("nginx_cores_for_handshakes") == 35)
        #expect(value("redis_busy_sold_out_percent") == 88)
        #expect(value("selling_milliseconds") == 1200)
    }

    @Test func `rounds up, and never plans for less than one process and two hosts`() {
        let figures = figures {
            $0.buyers = 10
            $0.stock = 1
        }
        #expect(figures["api_processes"] == 1)
        #expect(figures["nginx_hosts"] == 2)
        #expect(figures["redis_busy_selling_percent"] == 1)
    }

    @Test func `sells no faster than the one Redis can decide`() {
        let figures = figures {
            $0.seconds = 1
            $0.stock = 500_000
        }
        #expect(figures["selling_milliseconds"] == 5000)
        #expect(figures["redis_busy_selling_percent"] == 1000)
        let plan = CapacityPlan(
            demand: CapacityPlan.Demand(buyers: 1_000_000, seconds: 1, stock: 500_000), costs: costs)
        #expect(plan.bottleneck.hasPrefix("Redis' one core"))
        // Redis lacks headroom here, but the wait is too short for anybody to notice.
        let busy = CapacityPlan(
            demand: CapacityPlan.Demand(buyers: 1_000_000, seconds: 10, stock: 10_000), costs: costs)
        #expect(busy.bottleneck.hasPrefix("Redis' one core, for the 100 ms"))
        #expect(plan.bottleneck.hasSuffix("so some are shed"))
        #expect(!busy.bottleneck.contains("shed"))
        let calm = CapacityPlan(demand: CapacityPlan.Demand(buyers: 1000, seconds: 10, stock: 10), costs: costs)
        #expect(calm.bottleneck.hasPrefix("nginx"))
    }

    @Test func `is printed with its arithmetic, and as JSON`() throws {
        let line = ["plan", "--buyers", "1000000", "--over", "10s", "--stock", "10000", "--presses", "1"]
        let text = try ChildProcess.run(ChildProcess.product("salectl"), line)
        #expect(text.code == 0)
        #expect(text.output.contains("= 1000000 buyers × 1.0 / 10.0 s"))
        let json = try ChildProcess.run(ChildProcess.product("salectl"), line + ["--json"])
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["requests_per_second"] as? Int == 100_000)
    }

    private var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
    }

    @Test func `appears in docs/capacity.md as it is printed`() throws {
        let page = try String(contentsOf: root.appendingPathComponent("docs/capacity.md"), encoding: .utf8)
        let blocks = page.components(separatedBy: "```\n")
        let commands = blocks.indices.filter { blocks[$0].hasPrefix("salectl plan ") }
        #expect(commands.count == 2)
        for index in commands {
            let line = blocks[index].split(separator: "\n")[0].split(separator: " ").dropFirst().map(String.init)
            let printed = try ChildProcess.run(ChildProcess.product("salectl"), line)
            #expect(blocks[index + 2] == printed.output)
        }
    }

    @Test(arguments: [
        [], ["--buyers", "10"], ["--buyers", "0", "--over", "1s", "--stock", "1"],
        ["--buyers", "1", "--over", "1", "--stock", "1"], ["--buyers", "1", "--over", "1s"],
        ["--buyers", "1", "--over", "1s", "--stock", "1", "--headroom", "nan"],
        ["--buyers", "1", "--over", "1s", "--stock", "1", "--presses", "0.5"],
        ["--buyers", "1", "--over", "1s", "--stock", "1", "--turn-window", "10s"],
    ])
    func `names the missing option`(_ options: [String]) throws {
        let result = try ChildProcess.run(ChildProcess.product("salectl"), ["plan"] + options)
        #expect(result.code == 64)
        #expect(result.errors.hasPrefix("salectl: plan: "))
    }
}
