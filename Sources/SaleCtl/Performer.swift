import Operations
import OrderStore
import RedisClient
import Shared

/// Performs operations through whichever process may write the database: salectl itself, if it gets the lock, or the
/// worker that holds it.
enum Performer {
    case direct(OrderStore, BlockingRedis, WorkerLease)
    case worker(OperatorClient)

    init(_ context: Context) throws {
        let path = try context.database()
        if let lock = try context.lock(path) {
            self = .direct(try OrderStore(path: path, lock: lock), try context.redis(), try context.lease(lock))
            return
        }
        guard let token = try context.environment.operatorToken() else {
            throw CommandFailure(
                "\(path).lock is held by a worker, which must do this (set \(Setting.opsTokenFile.name)), "
                    + "or by another salectl (try again)", ExitCode.config)
        }
        self = .worker(
            OperatorClient(
                address: try context.environment.address(.opsListen), token: String(decoding: token, as: UTF8.self)))
    }

    /// Performs an operation; returns the result's JSON.
    func perform(_ operation: Operation) throws -> String {
        switch self {
        case .direct(let store, let redis, let lease):
            do {
                return try lease.hold(on: redis) { try operation.run(store: store, redis: redis, lease: lease) }
            } catch let refused as OperationRefused {
                let code = refused.kind == .notFound ? ExitCode.noInput : ExitCode.unavailable
                throw CommandFailure(refused.description, code)
            }
        case .worker(let client):
            let answer: OperatorClient.Answer
            do throws(OperatorClient.Failed) {
                answer = try client.post("/v1/operations", json: operation.json)
            } catch {
                throw CommandFailure(unanswered: error)
            }
            guard answer.status == 200 else { throw CommandFailure(refusal: answer) }
            return answer.body
        }
    }
}

extension CommandFailure {
    /// The sentence and code for a worker that does not answer.
    init(unanswered failed: OperatorClient.Failed) {
        if failed.isSent {
            self.init(
                "\(failed.message): it may have been done. If you run this again, nothing is done twice, but --limit "
                    + "takes the next ones", ExitCode.temporaryFailure)
        } else {
            self.init(
                "\(failed.message). Its database is locked: by a worker, or for a moment by another salectl",
                ExitCode.unavailable)
        }
    }

    /// The sentence of a problem (RFC 9457), and the exit code for its status.
    init(refusal answer: OperatorClient.Answer) {
        let code =
            switch answer.status {
            case 400, 413, 415: ExitCode.software
            case 401, 403: ExitCode.noPermission
            case 404: ExitCode.noInput
            default: ExitCode.unavailable
            }
        let hint = answer.status == 401 ? " (\(Setting.opsTokenFile.name) names the token)" : ""
        self.init("the worker answered \(answer.status): \(answer.sentence)\(hint)", code)
    }
}

extension OperatorClient.Answer {
    /// Why the worker refuses.
    var sentence: String { text("reason") ?? text("detail") ?? "it says no more" }

    private func text(_ member: String) -> String? {
        body.withBytes { bytes in
            var reader = JSONReader(bytes)
            guard (try? reader.beginObject()) != nil else { return nil }
            while let name = try? reader.member() {
                if name.value(in: bytes) == member { return try? reader.text(in: bytes) }
                guard (try? reader.skip()) != nil else { return nil }
            }
            return nil
        }
    }
}
