import Shared

/// The methods that are known; another one is 501, one of these in the wrong place 405.
package enum Method: Sendable {
    case get, head, post, put, delete, patch, options
}

/// A header field's place in the message.
package struct HeaderField {
    package let name: Range<Int>
    package let value: Range<Int>
}

/// A request's head, understood: where its parts stand in the bytes, and what its framing says.
struct RequestHead {
    var method = Method.get
    /// The path of the request target, without query.
    var path = 0..<0
    /// What follows the `?`.
    var query = 0..<0
    /// Bytes of the head, its last CRLF included.
    var bytes = 0
    /// Bytes of the body; of a chunked one, once it has been taken apart.
    var contentLength = 0
    var isChunked = false
    /// Whether the client wants the connection to go on after the answer.
    var keepAlive = true
    /// Whether it is HTTP/1.0, which knows no 100 (Continue) and wants to be told of a connection that goes on.
    var isHTTP10 = false
    var expectsContinue = false

    /// Bytes of the whole message.
    var messageBytes: Int { bytes + contentLength }
}

/// A request as a handler sees it: a view of the bytes that arrived, valid while it is being handled.
package struct Request: ~Escapable {
    private let bytes: Span<UInt8>
    private let fields: Span<HeaderField>
    private let head: RequestHead

    @_lifetime(copy bytes, copy fields)
    init(_ head: RequestHead, bytes: Span<UInt8>, fields: Span<HeaderField>) {
        self.head = head
        self.bytes = bytes
        self.fields = fields
    }

    package var method: Method { head.method }

    /// The path, as it was sent.
    package var path: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(head.path) }
    }

    /// The query, as it was sent, without its `?`.
    package var query: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(head.query) }
    }

    package var body: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(head.bytes..<head.messageBytes) }
    }

    /// The trace-id of a valid `traceparent` field.
    var trace: TraceID? {
        guard let field = value(of: "traceparent") else { return nil }
        return TraceID(traceparent: field)
    }

    /// How often a field occurs; `name` is in lower case.
    package func count(of name: StaticString) -> Int {
        var count = 0
        for index in fields.indices where isNamed(fields[index], name) { count += 1 }
        return count
    }

    /// The value of a field's first occurrence, without the white space around it; `name` is in lower case.
    @_lifetime(copy self)
    package func value(of name: StaticString) -> Span<UInt8>? {
        for index in fields.indices where isNamed(fields[index], name) { return bytes.extracting(fields[index].value) }
        return nil
    }

    /// The value of a field that occurs once; nil where it doesn't occur, or again. `name` is in lower case.
    @_lifetime(copy self)
    package func onlyValue(of name: StaticString) -> Span<UInt8>? {
        var value: Range<Int>?
        for index in fields.indices where isNamed(fields[index], name) {
            guard value == nil else { return nil }
            value = fields[index].value
        }
        guard let value else { return nil }
        return bytes.extracting(value)
    }

    /// Most names are told apart by their length.
    private func isNamed(_ field: HeaderField, _ name: StaticString) -> Bool {
        field.name.count == name.utf8CodeUnitCount && bytes.extracting(field.name).equalsIgnoringCase(name)
    }
}
