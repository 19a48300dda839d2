import Foundation
import RedisClient
import Shared
import TestSupport

/// The verdict on a sale at rest.
extension SaleSystem {
    /// The output of `salectl check --json`.
    struct Verdict: Decodable {
        struct Violation: Decodable {
            let invariant: String
            let message: String
        }

        let verdict: String
        let violations: [Violation]
        /// The exit code.
        var code: Int32 = -1

        private enum CodingKeys: CodingKey { case verdict, violations }

        /// The names of the broken promises.
        var broken: Set<String> { Set(violations.map(\.invariant)) }

        /// A summary for the reader of a failed test.
        var summary: String {
            "exit code \(code), \(verdict): "
                + violations.prefix(10).map { "\($0.invariant): \($0.message)" }.joined(separator: "; ")
        }
    }

    /// Runs the check; `stock` is what the test has put on sale, and `met` names the faults without which the run
    /// proves nothing.
    func check(_ sale: SaleID, _ run: Run, stock: Int, met: String = "") throws -> Verdict {
        let met = met.isEmpty ? [] : ["--met", met]
        let result = try salectl(["check", "\(sale)", "--log", run.log, "--stock", "\(stock)", "--json"] + met)
        guard var verdict = try? JSONDecoder().decode(Verdict.self, from: Data(result.output.utf8)) else {
            throw Failure("no verdict, exit code \(result.code): \(result.output)\(result.errors)")
        }
        verdict.code = result.code
        return verdict
    }

    /// Waits until the worker has found the sale, and has read and acknowledged its whole stream. It need not have
    /// stored everything, and Redis need not be allowed to sell: with a bug, neither may ever happen.
    func awaitRest(_ sale: SaleID) throws {
        let rests = eventually {
            guard worker?.errors.contains("sale_found") == true, let redis = try? connect() else { return false }
            return (try? redis.isRead(sale)) == true
        }
        guard rests else { throw Failure("the worker is not at rest: \(worker?.errors ?? "it never started")") }
    }
}

extension BlockingRedis {
    /// Whether the worker's group has received and acknowledged the last entry of a sale's stream.
    fileprivate func isRead(_ sale: SaleID) throws -> Bool {
        let stream = RedisArgument(SaleKeys(sale).orders)
        let state = try command(["XINFO", "STREAM", stream])
        let groups = try command(["XINFO", "GROUPS", stream])
        guard groups.value.count == 1 else { return false }
        let last = Self.text("last-generated-id", in: state.value)
        let group = groups.value[0]
        return Self.text("pending", in: group) == "0" && Self.text("last-delivered-id", in: group) == last
    }

    /// A value in a reply of alternating names and values.
    private static func text(_ name: String, in reply: borrowing RedisValue) -> String? {
        for index in stride(from: 0, to: reply.count - 1, by: 2) where reply[index].string == name {
            return reply[index + 1].string ?? reply[index + 1].integer.map { "\($0)" }
        }
        return nil
    }
}
