import Shared

/// Parses one request head, strictly by RFC 9112: it rejects whatever the standard lets a server reject, so that no
/// proxy in front can have understood it differently. A pure function of the bytes.
struct RequestParser {
    enum Outcome {
        /// The head is not complete; nothing is wrong so far.
        case incomplete
        case head(RequestHead)
        case refused(Problem)
    }

    /// Why parsing stopped early.
    private enum Stop: Error {
        case incomplete
        case refused(Problem)
    }

    /// What has been read of the current head.
    private struct Seen {
        /// Bytes parsed so far: whole lines.
        var offset = 0
        var methodIsHead = false
        /// The method is none that we know. That is refused once the fields have been read, which name the trace.
        var methodIsUnknown = false
        /// How many Host, Content-Length and Transfer-Encoding fields there are.
        var hosts = 0
        var lengths = 0
        var codings = 0
        var codingIsChunked = false
        var codingsEndInChunked = false
        /// Options of all Connection fields; `close` outweighs `keep-alive`.
        var saysClose = false
        var saysKeepAlive = false
        /// The authority of an absolute-form target.
        var authority: Range<Int>?
        var host = 0..<0
    }

    let limits: EdgeLimits
    /// The fields of the head that was parsed last.
    private(set) var fields: [HeaderField] = []
    private var seen = Seen()
    /// Whether the head that was parsed last, refused or not, is a HEAD request: no answer to it has a body.
    var methodIsHead: Bool { seen.methodIsHead }

    init(limits: EdgeLimits) {
        self.limits = limits
        fields.reserveCapacity(limits.headerFields)
    }

    /// Parses the head at the beginning of `received`.
    ///
    /// It looks at no byte beyond a limit, so the outcome doesn't depend on what has arrived after it.
    mutating func parse(_ received: Span<UInt8>) -> Outcome {
        let bytes = received.extracting(first: limits.headBytes)
        // One empty line before a request is ignored (RFC 9112 section 2.2).
        let start = bytes.starts(with: "\r\n") ? 2 : 0
        let line = bytes.extracting(first: start + limits.requestLineBytes + 2)
        fields.removeAll(keepingCapacity: true)
        seen = Seen()
        var head = RequestHead()
        do throws(Stop) {
            try requestLine(line, from: start, &head)
            while try field(bytes, &head) {}
            head.bytes = seen.offset
            try framing(bytes, &head)
            return .head(head)
        } catch {
            switch error {
            case .refused(let problem): return .refused(problem)
            case .incomplete:
                // Only the end of a line or a limit decides; the caller parses again when more has arrived.
                if seen.offset == 0, line.count == start + limits.requestLineBytes + 2 {
                    return .refused(line.firstIndex(of: space, from: start) == nil ? .badRequest : .uriTooLong)
                }
                if bytes.count == limits.headBytes { return .refused(.headersTooLarge) }
                return .incomplete
            }
        }
    }

    // MARK: Request line

    private mutating func requestLine(
        _ bytes: Span<UInt8>, from methodStart: Int, _ head: inout RequestHead
    ) throws(Stop) {
        if bytes.count == 1, bytes[0] == cr { throw .incomplete }  // the start of an empty line, perhaps
        var at = methodStart
        at = try end(of: methodStart, in: bytes, while: isToken)
        guard bytes[at] == space, at > methodStart else { throw .refused(.badRequest) }
        let methodRange = methodStart..<at
        seen.methodIsHead = bytes.extracting(methodRange).equals("HEAD")

        let targetStart = at + 1
        at = try end(of: targetStart, in: bytes, while: isTarget)
        guard bytes[at] == space, at > targetStart else { throw .refused(.badRequest) }
        let target = targetStart..<at

        // HTTP-version is "HTTP/" DIGIT "." DIGIT, in capitals; then CRLF.
        let version = at + 1
        guard bytes.count >= version + 10 else {
            try completeOrRefuse(bytes, from: version)
            throw .incomplete
        }
        guard bytes.extracting(version..<version + 5).equals("HTTP/"), isDigit(bytes[version + 5]),
            bytes[version + 6] == dot, isDigit(bytes[version + 7]), bytes[version + 8] == cr,
            bytes[version + 9] == lf
        else { throw .refused(.badRequest) }
        guard bytes[version + 5] == UInt8(ascii: "1") else { throw .refused(.versionNotSupported) }
        head.isHTTP10 = bytes[version + 7] == UInt8(ascii: "0")

        seen.offset = version + 10
        guard let method = Self.method(bytes.extracting(methodRange)) else {
            // Another method may have another form of target, as CONNECT does.
            seen.methodIsUnknown = true
            return
        }
        head.method = method
        try self.target(bytes, target, &head)
    }

    private static func method(_ text: Span<UInt8>) -> Method? {
        switch text.count {
        case 3: text.equals("GET") ? .get : text.equals("PUT") ? .put : nil
        case 4: text.equals("POST") ? .post : text.equals("HEAD") ? .head : nil
        case 5: text.equals("PATCH") ? .patch : nil
        case 6: text.equals("DELETE") ? .delete : nil
        case 7: text.equals("OPTIONS") ? .options : nil
        default: nil
        }
    }

    /// origin-form, absolute-form, or `*` for OPTIONS (RFC 9112 section 3.2).
    private mutating func target(_ bytes: Span<UInt8>, _ target: Range<Int>, _ head: inout RequestHead) throws(Stop) {
        let text = bytes.extracting(target)
        var path = 0..<text.count
        if text[0] != slash {
            if let scheme = Self.schemeBytes(text) {
                var end = scheme
                while end < text.count, text[end] != slash, text[end] != UInt8(ascii: "?") { end += 1 }
                guard end > scheme else { throw .refused(.badRequest) }
                seen.authority = target.lowerBound + scheme..<target.lowerBound + end
                path = end..<text.count
            } else {
                guard text.equals("*"), head.method == .options else { throw .refused(.badRequest) }
            }
        }
        let question = text.firstIndex(of: UInt8(ascii: "?"), from: path.lowerBound) ?? text.count
        head.path = target.lowerBound + path.lowerBound..<target.lowerBound + question
        head.query = target.lowerBound + min(question + 1, text.count)..<target.upperBound
    }

    /// Bytes of the scheme at the beginning of an absolute-form target; nil if it is not one that we know.
    private static func schemeBytes(_ target: Span<UInt8>) -> Int? {
        if target.extracting(first: 7).equalsIgnoringCase("http://") { return 7 }
        if target.extracting(first: 8).equalsIgnoringCase("https://") { return 8 }
        return nil
    }

    // MARK: Fields

    /// Parses one field line; false at the empty line that ends the head.
    private mutating func field(_ bytes: Span<UInt8>, _ head: inout RequestHead) throws(Stop) -> Bool {
        let start = seen.offset
        guard start < bytes.count else { throw .incomplete }
        if bytes[start] == cr {
            guard start + 1 < bytes.count else { throw .incomplete }
            guard bytes[start + 1] == lf else { throw .refused(.badRequest) }
            seen.offset += 2
            return false
        }
        // A line that starts with white space is a folded one (obs-fold), or an attempt to hide a field: it is not a
        // token.
        let nameEnd = try end(of: start, in: bytes, while: isToken)
        guard bytes[nameEnd] == colon, nameEnd > start else { throw .refused(.badRequest) }
        var valueStart = nameEnd + 1
        while valueStart < bytes.count, isBlank(bytes[valueStart]) { valueStart += 1 }
        let lineEnd = endOfFieldValue(bytes, from: valueStart)
        guard lineEnd < bytes.count else { throw .incomplete }
        guard bytes[lineEnd] == cr else { throw .refused(.badRequest) }
        guard lineEnd + 1 < bytes.count else { throw .incomplete }
        guard bytes[lineEnd + 1] == lf else { throw .refused(.badRequest) }
        var valueEnd = lineEnd
        while valueEnd > valueStart, isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }

        guard fields.count < limits.headerFields else { throw .refused(.headersTooLarge) }
        let field = HeaderField(name: start..<nameEnd, value: valueStart..<valueEnd)
        fields.append(field)
        try note(bytes, field, &head)
        seen.offset = lineEnd + 2
        return true
    }

    /// Notes the fields that decide about framing and the connection.
    private mutating func note(
        _ bytes: Span<UInt8>, _ field: HeaderField, _ head: inout RequestHead
    ) throws(Stop) {
        let name = bytes.extracting(field.name)
        let value = bytes.extracting(field.value)
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            seen.hosts += 1
            seen.host = field.value
        case 6 where name.equalsIgnoringCase("expect"):
            guard value.equalsIgnoringCase("100-continue") else { throw .refused(.expectationFailed) }
            head.expectsContinue = true
        case 10 where name.equalsIgnoringCase("connection"):
            connection(value)
        case 14 where name.equalsIgnoringCase("content-length"):
            seen.lengths += 1
            // Digits and nothing else: no sign, no list, no 0x, and no more than 18 digits.
            guard let length = value.decimal else { throw .refused(.badRequest) }
            head.contentLength = length
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            seen.codings += 1
            seen.codingIsChunked = value.equalsIgnoringCase("chunked")
            seen.codingsEndInChunked = endsInChunked(value)
        default: break
        }
    }

    /// Looks for `close` and `keep-alive` among the options of a Connection field (RFC 9112 section 9.3).
    private mutating func connection(_ value: Span<UInt8>) {
        Self.forEachElement(of: value) { option, _ in
            if option.equalsIgnoringCase("close") { seen.saysClose = true }
            if option.equalsIgnoringCase("keep-alive") { seen.saysKeepAlive = true }
        }
    }

    /// Whether it is a list of codings of which the last is chunked, and no other. Empty elements are allowed by the
    /// standard, but only a client that wants two servers to disagree sends one.
    private func endsInChunked(_ value: Span<UInt8>) -> Bool {
        var isList = true
        Self.forEachElement(of: value) { coding, isLast in
            if coding.isEmpty || coding.equalsIgnoringCase("chunked") != isLast { isList = false }
            for index in coding.indices where !isToken(coding[index]) { isList = false }
        }
        return isList
    }

    /// Calls `body` with each element of a list, without surrounding blanks, and with whether it is the last (RFC 9110
    /// section 5.6.1).
    private static func forEachElement(of list: Span<UInt8>, _ body: (Span<UInt8>, Bool) -> Void) {
        var start = 0
        while start <= list.count {
            let end = list.firstIndex(of: UInt8(ascii: ","), from: start) ?? list.count
            var first = start
            var last = end
            while first < last, isBlank(list[first]) { first += 1 }
            while last > first, isBlank(list[last - 1]) { last -= 1 }
            body(list.extracting(first..<last), end == list.count)
            start = end + 1
        }
    }

    // MARK: Framing

    /// Decides where the message ends (RFC 9112 section 6) and which host it is for (section 3.2).
    private func framing(_ bytes: Span<UInt8>, _ head: inout RequestHead) throws(Stop) {
        guard seen.hosts == 1 || (seen.hosts == 0 && head.isHTTP10) else { throw .refused(.badRequest) }
        if seen.hosts == 1 {
            guard isHost(bytes.extracting(seen.host)) else { throw .refused(.badRequest) }
        }
        if seen.methodIsUnknown { throw .refused(.notImplemented) }
        if let authority = seen.authority {
            // An origin server must use this and ignore Host (section 3.2.2).
            guard isHost(bytes.extracting(authority)) else { throw .refused(.badRequest) }
        }
        if seen.codings > 0 {
            // Both framings, several codings, or a coding in HTTP/1.0: another server may have read it differently
            // (section 6.1). If chunked is not the last coding, nobody can tell where the body ends (section 6.3).
            guard seen.lengths == 0, seen.codings == 1, !head.isHTTP10, seen.codingsEndInChunked else {
                throw .refused(.badRequest)
            }
            // We can't decode any coding before chunked (section 6.1).
            guard seen.codingIsChunked else { throw .refused(.notImplemented) }
            head.isChunked = true
        }
        guard seen.lengths <= 1 else { throw .refused(.badRequest) }
        guard head.contentLength <= limits.bodyBytes else { throw .refused(.contentTooLarge) }
        if head.isHTTP10 { head.expectsContinue = false }
        head.keepAlive = !seen.saysClose && (!head.isHTTP10 || seen.saysKeepAlive)
    }

    // MARK: Characters

    /// The index of the first byte from `start` on that is not of the class; throws if the bytes end before it.
    @inline(__always)
    private func end(
        of start: Int, in bytes: Span<UInt8>, while belongs: (UInt8) -> Bool
    ) throws(Stop) -> Int {
        var index = start
        while index < bytes.count {
            if !belongs(bytes[index]) { return index }
            index += 1
        }
        throw .incomplete
    }

    /// Refuses a version that a line end cuts short: more bytes can't fix that.
    private func completeOrRefuse(_ bytes: Span<UInt8>, from start: Int) throws(Stop) {
        for index in start..<max(start, bytes.count) where bytes[index] == lf { throw .refused(.badRequest) }
    }
}
