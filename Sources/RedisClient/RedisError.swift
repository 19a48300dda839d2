/// Why a Redis command has no usable reply.
package struct RedisError: Error, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        // Refused before anything ran. That holds for scripts, too, if they have a `#!lua` header.
        case noScript, readOnly, loading, masterDown, noReplicas, outOfMemory, misconfigured, busy, notPermitted
        /// Too many clients, or the connection could not be made.
        case cannotConnect
        /// According to the Sentinels this is not the primary, or not for long.
        case replaced
        // Error replies of the stream commands.
        case groupExists, noGroup, unblocked
        /// acknowledge.lua, deadletter.lua, lease.lua: whoever asks has lost the right to work on this Redis
        /// (`WorkerLease`).
        case noLease
        /// The connection was lost, or fell silent, after the command was handed over: it may have run.
        case connectionLost, timedOut
        /// It ran, and fewer replicas than required have acknowledged what it read or wrote: a failover may take it
        /// back.
        case unconfirmed
        /// Any other error reply: a script may have stopped half-way.
        case other
        /// The reply does not have the form that the command promises.
        case unexpectedReply
    }

    /// What the failure means for the command.
    package enum Effect: Equatable, Sendable {
        /// It was not executed: it is safe to send it again.
        case nothingRan
        /// It may have been executed, in full or in part: send it again only if it is idempotent.
        case unknown
    }

    package let code: Code
    /// The command, such as `XREADGROUP`.
    package let operation: String
    /// What Redis or the system said.
    package let message: String

    package init(_ code: Code, _ operation: String, _ message: String) {
        self.code = code
        self.operation = operation
        self.message = message
    }

    /// The error for an error reply, which begins with a code word.
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
        case "NOLEASE": code = .noLease
        default: code = message.hasPrefix("ERR max number of clients") ? .cannotConnect : .other
        }
        self.init(code, operation, message)
    }

    package var effect: Effect {
        switch code {
        case .noScript, .readOnly, .loading, .masterDown, .noReplicas, .outOfMemory, .misconfigured, .busy,
            .notPermitted, .cannotConnect, .replaced, .groupExists, .noGroup, .noLease:
            .nothingRan
        case .unblocked, .connectionLost, .timedOut, .unconfirmed, .other, .unexpectedReply: .unknown
        }
    }

    /// Whether the server at the other end is the wrong one, or gone, so that the caller must connect again.
    package var needsReconnect: Bool {
        switch code {
        case .readOnly, .masterDown, .unblocked, .connectionLost, .timedOut, .cannotConnect, .replaced: true
        default: false
        }
    }

    package var description: String { "\(operation): \(message)" }
}
