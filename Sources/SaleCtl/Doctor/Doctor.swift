import Shared

/// Examines everything that a sale needs, once.
struct Doctor {
    enum Verdict: String {
        case ok
        /// It works, but an operator should know.
        case warning = "warn"
        case bad
    }

    struct Finding {
        let verdict: Verdict
        let subject: String
        let detail: String
    }

    let context: Context
    private(set) var findings: [Finding] = []

    init(context: Context) { self.context = context }

    var isHealthy: Bool { !findings.contains { $0.verdict == .bad } }

    mutating func examine() {
        for name in context.environment.unread {
            add(.warning, "setting", "no program reads \(name): is it misspelt?")
        }
        do {
            try examineRedis()
        } catch {
            add(.bad, "redis", CommandFailure(error).message)
        }
        examineMachine()
    }

    mutating func add(_ finding: Finding) { findings.append(finding) }

    mutating func add(_ verdict: Verdict, _ subject: String, _ detail: String) {
        add(Finding(verdict: verdict, subject: subject, detail: detail))
    }

    var json: String {
        ByteBuffer.json { text in
            text.appendMember("healthy", isHealthy)
            text.appendMember("findings", objects: findings) { text, finding in
                text.appendMember("verdict", finding.verdict.rawValue)
                text.appendMember("subject", finding.subject)
                text.appendMember("detail", finding.detail)
            }
        }
    }
}
