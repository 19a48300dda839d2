internal import CHiredis
import Shared

/// A reply that its owner frees: what the blocking client returns.
package struct RedisReply: ~Copyable {
    private let pointer: UnsafeMutablePointer<redisReply>

    init(owning pointer: UnsafeMutablePointer<redisReply>) { self.pointer = pointer }

    deinit { freeReplyObject(pointer) }

    /// The reply's content; valid as long as this owner. Bind a reply to a name before you read this: reading it from a
    /// temporary crashes Swift 6.3.1 in debug builds. `integer`, `string` and `strings` may be read from one.
    package var value: RedisValue {
        @_lifetime(borrow self)
        borrowing get { _overrideLifetime(RedisValue(pointer), borrowing: self) }
    }

    /// The reply as an integer; nil if it is none.
    package var integer: Int? {
        let value = value
        return value.integer
    }

    /// The reply as text; nil if it is none.
    package var string: String? {
        let value = value
        return value.string
    }

    /// All elements of the reply that are strings; none if it is no array.
    package var strings: [String] {
        let value = value
        return value.strings
    }
}

/// A reply, or a part of one, in hiredis' memory: valid only as long as the reply it belongs to.
package struct RedisValue: ~Escapable {
    private let pointer: UnsafePointer<redisReply>

    @_lifetime(immortal)
    init(_ pointer: UnsafePointer<redisReply>) { self.pointer = pointer }

    /// An error reply's text; nil for any other reply.
    package var errorMessage: String? {
        pointer.pointee.type == REDIS_REPLY_ERROR ? String(cString: pointer.pointee.str) : nil
    }

    package var isNil: Bool { pointer.pointee.type == REDIS_REPLY_NIL }

    /// An integer, or a string that is one; nil for anything else.
    package var integer: Int? {
        if pointer.pointee.type == REDIS_REPLY_INTEGER { return Int(pointer.pointee.integer) }
        return withBytes { $0?.decimal }
    }

    /// The bytes of a string or a status; nil for any other reply.
    package func withBytes<R>(_ body: (Span<UInt8>?) -> R) -> R {
        let reply = pointer.pointee
        guard reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS else { return body(nil) }
        return reply.str.withMemoryRebound(to: UInt8.self, capacity: reply.len) {
            body(UnsafeBufferPointer(start: $0, count: reply.len).span)
        }
    }

    /// A string or status as text, invalid UTF-8 repaired; nil for any other reply.
    package var string: String? { withBytes { $0?.string } }

    /// A string or status as bytes; nil for any other reply.
    package var bytes: [UInt8]? {
        withBytes { span in
            guard let span else { return nil }
            return span.withUnsafeBufferPointer { Array($0) }
        }
    }

    /// Elements of an array; 0 for any other reply.
    package var count: Int { pointer.pointee.type == REDIS_REPLY_ARRAY ? pointer.pointee.elements : 0 }

    package var isArray: Bool { pointer.pointee.type == REDIS_REPLY_ARRAY }

    /// An element of an array.
    package subscript(index: Int) -> RedisValue {
        @_lifetime(copy self)
        get {
            precondition(index >= 0 && index < count, "reading past a Redis array")
            return _overrideLifetime(RedisValue(pointer.pointee.element[index]!), copying: self)
        }
    }

    /// All elements that are strings.
    package var strings: [String] {
        var texts: [String] = []
        for index in 0..<count {
            if let text = self[index].string { texts.append(text) }
        }
        return texts
    }

    /// An array of names and values in turn, as pairs; a number as text. Pairs with anything else in them are left out.
    package var pairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for index in stride(from: 0, to: count - 1, by: 2) {
            guard let name = self[index].string, let value = self[index + 1].text else { continue }
            pairs.append((name, value))
        }
        return pairs
    }

    /// An array of names and values in turn, by name; if a name repeats, its last value.
    package var fields: [String: String] { Dictionary(pairs.map { ($0.name, $0.value) }) { $1 } }

    /// A string, or an integer as text.
    private var text: String? { string ?? integer.map { "\($0)" } }
}
