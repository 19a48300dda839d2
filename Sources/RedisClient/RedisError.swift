/// Why a Redis command has no usable answer.
package struct RedisError: Error, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        // Refused before anything ran. With a `#!lua` header that holds for scripts as well.
        case noScript, readOnly, loading, masterDown, noReplicas, outOfMemory, misconfigured, busy, notPermitted
        /// Too many clients, or the connection could not be made.
        case cannotConnect
        /// By what the Sentinels say, this is not the primary, or not for long.
        case replaced
        // Answers of the stream commands.
        case groupExists, noGroup, unblocked
        /// The connection went away, or fell silent, after the command was handed over: it may have run.
        case connectionLost, timedOut
        /// It ran, and fewer replicas than were asked for have acknowledged what it read or wrote: a failover may take it
        /// back.
        case unconfirmed
        /// Any other error reply: a script may have stopped half-way.
        case other
        /// The reply is not of the form that the command promises.
        case unexpectedReply
    }

    /// What the failure says about the command.
    package enum Effect: Equatable, Sendable {
        /// It was not executed: sending it again is safe.
        case nothingRan
        /// It may have been executed, or in part: only an idempotent command may be sent again.
        case unknown
    }

    package let code: Code
    /// The command, as in `XREADGROUP`.
    package let operation: String
    /// What Redis or the system said.
    package let message: String

    package init(_ code: Code, _ operation: String, _ message: String) {
        self.code = code
        self.operation = operation
        self.message = message
    }

    /// The error that an error reply stands for: Redis puts a code word in front.
    package init(reply message: String, to operation: String) {
        let code: Code
        switch message.prefix(while: { $0 != " " }) {
        case "NOSCRIPT": code = .noScript
        case "READONLY": code = .readOnly
        case "LOADING": code = .loading
        case "MASTERDOWN": code = .masterDown
        case "NOREPLICAS": code = .noReplicas
        case "OOM": code = .outOfMemory
        case "MISCONF": code = .misconfigured
        case "BUSY": code = .busy
        case "NOAUTH", "NOPERM", "WRONGPASS": code = .notPermitted
        case "BUSYGROUP": code = .groupExists
        case "NOGROUP": code = .noGroup
        case "UNBLOCKED": code = .unblocked
        default: code = message.hasPrefix("ERR max number of clients") ? .cannotConnect : .other
        }
        self.init(code, operation, message)
    }

    package var effect: Effect {
        switch code {
        case .noScript, .readOnly, .loading, .masterDown, .noReplicas, .outOfMemory, .misconfigured, .busy,
            .notPermitted, .cannotConnect, .replaced, .groupExists, .noGroup:
            .nothingRan
        case .unblocked, .connectionLost, .timedOut, .unconfirmed, .other, .unexpectedReply: .unknown
        }
    }

    /// Whether the Redis at the other end of the connection is the wrong one, or none: connect again.
    package var needsReconnect: Bool {
        switch code {
        case .readOnly, .masterDown, .unblocked, .connectionLost, .timedOut, .cannotConnect, .replaced: true
        default: false
        }
    }

    package var description: String { "\(operation): \(message)" }
}
