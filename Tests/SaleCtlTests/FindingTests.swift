import Testing

@testable import SaleCtl

@Suite struct `A finding of the doctor` {
    @Test(
        arguments: [
            (0, 100, .ok, "0 % "), (79, 100, .ok, "79 % "), (80, 100, .warning, "80 % "), (99, 100, .warning, "99 % "),
            (100, 100, .bad, "100 % "), (250, 100, .bad, "250 % "), (100, 0, .ok, "100 MiB used, and maxmemory is not"),
        ] as [(Int, Int, Doctor.Verdict, String)])
    func `says how full Redis is, and warns before nothing can be sold`(
        _ used: Int, _ max: Int, _ verdict: Doctor.Verdict, _ beginning: String
    ) {
        let finding = Doctor.Finding.memory(of: "replica r", used: used << 20, max: max << 20)
        #expect(finding.subject == "replica r memory")
        #expect(finding.verdict == verdict)
        #expect(finding.detail.hasPrefix(beginning), "\(finding.detail)")
        #expect(finding.detail.contains("nothing can be sold") == (verdict != .ok))
    }

    @Test(
        arguments: [
            (0, 1, .bad), (1, 2, .bad), (1, 1, .warning), (2, 2, .warning), (2, 1, .ok),
        ] as [(Int, Int, Doctor.Verdict)])
    func `wants one replica more than must confirm an order`(
        _ following: Int, _ wanted: Int, _ verdict: Doctor.Verdict
    ) {
        let finding = Doctor.Finding.replicas(following: following, wanted: wanted)
        #expect(finding.verdict == verdict)
        #expect(finding.detail.hasPrefix("\(following) of them, and \(wanted) must confirm each order"))
    }
}
