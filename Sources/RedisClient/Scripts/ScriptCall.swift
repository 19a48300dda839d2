package import LuaScripts
package import Shared

/// A script with its keys and arguments, composed in place and kept until Redis has replied, so that it can be sent
/// again: with the script's text (NOSCRIPT), or on another connection (the reply was lost).
///
/// The fixed arguments come first and may change each time it is sent (the run_id does); the items follow.
package final class ScriptCall {
    private let script: Script
    private var fixed = ByteBuffer(capacity: 512)
    private var fixedCount = 0
    private var items = ByteBuffer(capacity: 1024)
    private var itemCount = 0

    package init(_ script: Script) { self.script = script }

    package convenience init(_ script: Script, keys: [String], _ arguments: [String] = []) {
        self.init(script)
        begin(keys: keys, arguments)
    }

    /// Sets the keys and the fixed arguments.
    package func begin(keys: [String], _ arguments: [String]) {
        fixed.removeAll()
        fixed.append(argument: String(keys.count))
        for key in keys { fixed.append(argument: key) }
        for argument in arguments { fixed.append(argument: argument) }
        fixedCount = 1 + keys.count + arguments.count
    }

    /// Removes the items and keeps their memory.
    package func removeItems() {
        items.removeAll()
        itemCount = 0
    }

    /// Bytes of the items so far.
    package var itemBytes: Int { items.count }

    /// Removes the first `count` items, which take up the first `bytes` bytes.
    package func removeFirst(_ count: Int, bytes: Int) {
        items.removeFirst(bytes)
        itemCount -= count
    }

    package func append(_ argument: Span<UInt8>) {
        items.append(argument: argument)
        itemCount += 1
    }

    package func append(_ argument: RedisArgument) { append(argument.bytes.span) }

    /// A number below 100, as every quantity is.
    package func append(small number: Int) {
        precondition((0..<100).contains(number), "not a number of one or two digits")
        items.append(number < 10 ? "$1\r\n" : "$2\r\n")
        items.append(decimal: number)
        items.append("\r\n")
        itemCount += 1
    }

    /// A number below 100, a space, and `text`, as one argument.
    package func append(small number: Int, _ text: Span<UInt8>) {
        precondition((0..<100).contains(number), "not a number of one or two digits")
        items.append("$")
        items.append(decimal: (number < 10 ? 2 : 3) + text.count)
        items.append("\r\n")
        items.append(decimal: number)
        items.append(" ")
        items.append(text)
        items.append("\r\n")
        itemCount += 1
    }

    package func append(_ trace: TraceID) {
        items.append("$32\r\n")
        items.append(trace)
        items.append("\r\n")
        itemCount += 1
    }

    /// Composes the command: EVALSHA with the script's SHA-1, or EVAL with its text.
    func compose(asText: Bool, into command: inout ByteBuffer) {
        command.removeAll()
        command.appendCommand(of: 2 + fixedCount + itemCount)
        if asText {
            let source = script.source
            command.append(argument: "EVAL")
            command.append(argument: source.span)
        } else {
            command.append(argument: "EVALSHA")
            command.append(argument: script.sha)
        }
        command.append(fixed)
        command.append(items)
    }
}
