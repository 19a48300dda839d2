import Shared

/// One attempt of one buyer, from the load client's log. Times are on one monotonic clock.
package struct Attempt: Equatable, Sendable {
    /// Which of several logs it is from, counted from 0.
    package var log: Int
    /// Its line in the log, counted from 1.
    package var line: Int
    /// Whether it joins a waiting room and does not buy; `position` is then the ticket's.
    package var isJoin: Bool
    package var invoked: Int
    /// nil if no answer came: whether it was decided is not known.
    package var responded: Int?
    package var buyer: String
    package var key: String
    /// 0 if no answer came.
    package var status: Int
    package var problem: String?
    /// Only of a win, and not even then if the answer named none: then a promise is broken, and the check says so.
    package var position: Int?

    package init(
        log: Int = 0, line: Int, isJoin: Bool = false, invoked: Int, responded: Int?, buyer: String, key: String,
        status: Int, problem: String? = nil, position: Int? = nil
    ) {
        self.log = log
        self.line = line
        self.isJoin = isJoin
        self.invoked = invoked
        self.responded = responded
        self.buyer = buyer
        self.key = key
        self.status = status
        self.problem = problem
        self.position = position
    }

    /// Whether it was answered "secured", for the first time or again.
    package var won: Bool { status == 200 || status == 201 }
    package var isSoldOut: Bool { status == 409 && problem == "sold-out" }
    /// Whether it may have been decided without the buyer knowing, also if a proxy got no answer.
    package var isUnknown: Bool { responded == nil || [202, 500, 502, 504].contains(status) }
    /// Whether it was answered no, or something that is neither yes nor no: what was answered is not unknown, and the
    /// buyer was not only asked to come back because nothing was done.
    var isDenied: Bool { !won && !isUnknown && status != 429 && status != 503 }
    /// Whether it was refused, and not asked to come back: the buyer has no reason to press again.
    var isRefused: Bool { isDenied && !(problem.map(Self.comeBack.contains) ?? false) }

    /// What it was answered, if that was no.
    var refusal: String { problem ?? "\(status)" }

    /// Refusals for now, or until the buyer has a ticket.
    private static let comeBack: Set = [
        "sale-not-open", "sale-paused", "turn-not-yet", "turn-missed", "ticket-required", "ticket-outdated",
    ]

    /// Reads a line of a log.
    init(_ text: Span<UInt8>, log: Int, line: Int) throws(JSONReader.Failure) {
        self.init(log: log, line: line, invoked: -1, responded: nil, buyer: "", key: "", status: -1)
        var reader = JSONReader(text)
        try reader.beginObject()
        while let name = try reader.member() {
            let name = text.extracting(name.range)
            if try reader.peek() == .literal {
                try reader.skip()
            } else if name.equals("kind") {
                let value = try reader.string()
                guard text.extracting(value.range).equals("join") else { throw .malformed }
                isJoin = true
            } else if name.equals("inv_ns") {
                invoked = try reader.naturalNumber()
            } else if name.equals("resp_ns") {
                responded = try reader.naturalNumber()
            } else if name.equals("status") {
                status = try reader.naturalNumber()
            } else if name.equals("position") {
                position = try reader.naturalNumber()
            } else if name.equals("buyer") {
                let value = try reader.string()
                buyer = text.extracting(value.range).string
            } else if name.equals("key") {
                let value = try reader.string()
                key = text.extracting(value.range).string
            } else if name.equals("problem") {
                let value = try reader.string()
                problem = text.extracting(value.range).string
            } else {
                try reader.skip()
            }
        }
        try reader.end()
        guard invoked >= 0, status >= 0, !buyer.isEmpty, !key.isEmpty, won || position == nil,
            responded.map({ $0 >= invoked && status > 0 }) ?? (status == 0)
        else { throw .malformed }
    }
}
