import Foundation
import TestSupport
import Testing

@Suite struct `Budgets of a benchmark` {
    /// Judges budgets of a section whose only figure is `seen`, 2: each figure with whether it was held, as jq prints
    /// it.
    private func judged(_ budgets: String) throws -> String {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/jq"),
            [
                "--compact-output", "--null-input", "-L", Ingress.repository.appendingPathComponent("bench").path,
                #"include "figures"; {figures: {seen: 2}} | judged(\#(budgets)) | map([.figure, .held])"#,
            ])
        #expect(result.code == 0, "\(result.errors)")
        return result.output
    }

    @Test func `are held or missed by the measured figures`() throws {
        let budgets = #"[{"figure": "seen", "at_least": 2}, {"figure": "seen", "at_most": 1}]"#
        #expect(try judged(budgets) == #"[["seen",true],["seen",false]]"# + "\n")
    }

    @Test(arguments: [("[3, 1, 2]", "2"), ("[1, 2]", "1.5"), ("[4, 1, 3, 2]", "2.5"), ("[7]", "7")])
    func `are compared with the middle of the rounds, or halfway between the two in the middle`(
        _ rounds: String, _ middle: String
    ) throws {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/jq"),
            [
                "--null-input", "-L", Ingress.repository.appendingPathComponent("bench").path,
                #"include "figures"; \#(rounds) | median"#,
            ])
        #expect(result.output == middle + "\n", "\(result.errors)")
    }

    @Test func `are missed without a figure, except for the optional older build`() throws {
        let budgets = #"[{"figure": "unseen", "at_most": 1}, {"figure": "new_over_old", "at_most": 1}]"#
        #expect(try judged(budgets) == #"[["unseen",false]]"# + "\n")
    }
}
