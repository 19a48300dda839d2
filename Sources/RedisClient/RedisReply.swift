internal import CHiredis
import Shared

/// A reply that is ours to free: what the blocking client returns.
package struct RedisReply: ~Copyable {
    private let pointer: UnsafeMutablePointer<redisReply>

    init(owning pointer: UnsafeMutablePointer<redisReply>) { self.pointer = pointer }

    deinit { freeReplyObject(pointer) }

    /// The reply, to read; valid as long as this owner.
    package var value: RedisValue {
        @_lifetime(borrow self)
        borrowing get { _overrideLifetime(RedisValue(pointer), borrowing: self) }
    }

    /// The reply as an integer, where it is one. (Bind a reply to a name before reading it: reading `value` off a
    /// temporary crashes Swift 6.3.1 in debug builds.)
    package var integer: Int? {
        let value = value
        return value.integer
    }
}

/// A reply, or a part of one, in hiredis' memory: valid only as long as what it was taken from.
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

    /// A string's or status' bytes; nil for any other reply.
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
}
