import Shared

/// A request as a handler sees it: a view of the received bytes, valid while the request is being handled.
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

    /// Whether the target is no path, but the server as a whole: `*`, or an absolute form without path and query, for
    /// which a proxy would send `*` (RFC 9112 section 3.2.4).
    package var isForServer: Bool { path.equals("*") || path.isEmpty && query.isEmpty }

    package var body: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(head.bytes..<head.messageBytes) }
    }

    /// The trace-id of a valid `traceparent` field.
    var trace: TraceID? {
        guard let field = value(of: "traceparent") else { return nil }
        return TraceID(traceparent: field)
    }

    /// How often a field occurs. `name` must be in lower case.
    package func count(of name: StaticString) -> Int {
        var count = 0
        for index in fields.indices where isNamed(fields[index], name) { count += 1 }
        return count
    }

    /// The value of a field's first occurrence, without surrounding white space. `name` must be in lower case.
    @_lifetime(copy self)
    package func value(of name: StaticString) -> Span<UInt8>? {
        for index in fields.indices where isNamed(fields[index], name) { return bytes.extracting(fields[index].value) }
        return nil
    }

    /// The value of a field that occurs exactly once; nil otherwise. `name` must be in lower case.
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

    /// The values of all fields of this name, as one list (RFC 9110 section 5.3); nil if there is none. `name` must be
    /// in lower case.
    package func list(of name: StaticString) -> [UInt8]? {
        var list: [UInt8]?
        for index in fields.indices where isNamed(fields[index], name) {
            let value = bytes.extracting(fields[index].value).withUnsafeBufferPointer { Array($0) }
            list = list.map { $0 + [UInt8(ascii: ",")] + value } ?? value
        }
        return list
    }

    /// Compares the lengths first, because they tell most names apart.
    private func isNamed(_ field: HeaderField, _ name: StaticString) -> Bool {
        field.name.count == name.utf8CodeUnitCount && bytes.extracting(field.name).equalsIgnoringCase(name)
    }
}
