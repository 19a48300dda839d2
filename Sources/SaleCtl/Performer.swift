import Operations
import OrderStore
import RedisClient
import Shared

/// Has operations done by whoever may write the database: salectl itself, holding the lock, or the worker that holds it.
enum Performer {
    case direct(StoreLock, OrderStore, BlockingRedis)
    case worker(OperatorClient)

    /// For a database that is there. The lock is held as long as the performer lives.
    init(_ context: Context) throws {
        guard let path = try context.existingDatabase() else {
            throw CommandFailure("there is no database", ExitCode.noInput)
        }
        if let lock = try StoreLock.take(for: path) {
            self = .direct(lock, try OrderStore(path: path), try context.redis())
            return
        }
        let text = try context.environment.required(.opsListen)
        guard let address = SocketAddress(text) else {
            throw ConfigurationError(.opsListen, "is \"\(text)\"; it must be host:port or unix:/path")
        }
        self = .worker(OperatorClient(address: address, token: try context.environment.operatorToken()))
    }

    /// Does it; answers the result's JSON.
    func perform(_ operation: Operation) throws -> String {
        switch self {
        case .direct(_, let store, let redis):
            do {
                return try operation.run(store: store, redis: redis)
            } catch let refused as OperationRefused {
                let code = refused.kind == .notFound ? ExitCode.noInput : ExitCode.unavailable
                throw CommandFailure(refused.description, code)
            }
        case .worker(let client):
            let answer: OperatorClient.Answer
            do throws(OperatorClient.Failed) {
                answer = try client.post("/v1/operations", json: operation.json)
            } catch {
                throw CommandFailure(error.message, ExitCode.unavailable)
            }
            guard answer.status == 200 else { throw CommandFailure(refusal: answer) }
            return answer.body
        }
    }
}

extension CommandFailure {
    /// The sentence of a problem (RFC 9457), and the exit code of its status.
    fileprivate init(refusal answer: OperatorClient.Answer) {
        let code =
            switch answer.status {
            case 400, 413, 415: ExitCode.software
            case 401, 403: ExitCode.noPermission
            case 404: ExitCode.noInput
            default: ExitCode.unavailable
            }
        let detail = Self.detail(of: answer.body) ?? "no detail"
        self.init("the worker answered \(answer.status): \(detail)", code)
    }

    private static func detail(of body: String) -> String? {
        body.withBytes { bytes in
            var reader = JSONReader(bytes)
            var first = true
            guard (try? reader.beginObject()) != nil else { return nil }
            while let name = try? reader.member(first: &first) {
                if name.value(in: bytes) == "detail" { return try? reader.text(in: bytes) }
                guard (try? reader.skip()) != nil else { return nil }
            }
            return nil
        }
    }
}
