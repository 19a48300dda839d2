import Shared

/// Decodes a chunked body (RFC 9112 section 7.1), byte by byte and in place. The result is the same however the bytes
/// were cut, and a connection keeps only the bytes of the body itself.
///
/// It follows the grammar to the letter, because a lenient server sees a request end where another does not: no sign,
/// no `0x`, no line that ends in a bare LF. Extensions are parsed and then ignored, as section 7.1.1 demands; trailers
/// are too (section 7.1.2 lets a server that has no use for them drop them). Everything that is not body is bounded.
struct ChunkedBody {
    enum Step {
        /// More is to come; this many bytes of body were decoded.
        case incomplete(decoded: Int)
        /// The body is complete, and ended before `end`.
        case complete(end: Int, decoded: Int)
        case refused(Problem)
    }

    private enum Place {
        // chunk-size
        case firstDigit, digits
        // chunk-ext, with the white space that a recipient must tolerate (RFC 9110 section 5.6.3)
        case beforeSemicolon, beforeName, name, beforeEquals, beforeValue, value, quoted, escaped, afterQuoted
        case sizeLF
        // chunk-data
        case data, dataCR, dataLF
        // trailer-section
        case trailer, trailerName, trailerValue, trailerLF
        case lastLF
    }

    private var place = Place.firstDigit
    /// Bytes of the current chunk that are still to come.
    private var left = 0
    /// Bytes of all chunks before it.
    private var length = 0
    /// Bytes so far that were not body.
    private var framing = 0

    /// Decodes the bytes from `start` on, and moves the body among them to `start`.
    mutating func decode(_ bytes: inout MutableSpan<UInt8>, from start: Int, limits: EdgeLimits) -> Step {
        var at = start
        var written = start
        while at < bytes.count {
            if case .data = place {
                let count = min(left, bytes.count - at)
                for _ in 0..<count {
                    bytes[written] = bytes[at]
                    written += 1
                    at += 1
                }
                left -= count
                if left == 0 { place = .dataCR }
                continue
            }
            framing += 1
            if framing > limits.chunkFramingBytes { return .refused(.headersTooLarge) }
            let byte = bytes[at]
            at += 1
            if isInSize, let digit = hexValue(byte) {
                place = .digits
                guard grow(by: digit) else { return .refused(.badRequest) }
            } else if case .lastLF = place, byte == lf {
                return .complete(end: at, decoded: written - start)
            } else if let next = next(after: byte) {
                if case .digits = place, left > limits.bodyBytes - length { return .refused(.contentTooLarge) }
                place = next
            } else {
                return .refused(.badRequest)
            }
        }
        return .incomplete(decoded: written - start)
    }

    private var isInSize: Bool {
        switch place {
        case .firstDigit, .digits: true
        default: false
        }
    }

    /// Adds a digit to the chunk's size; false if it no longer fits in 63 bits.
    private mutating func grow(by digit: UInt8) -> Bool {
        guard left <= Int.max >> 4 else { return false }
        left = left << 4 | Int(digit)
        return true
    }

    /// The next place; nil if `byte` is not allowed here.
    private mutating func next(after byte: UInt8) -> Place? {
        switch place {
        case .firstDigit, .data: nil
        case .digits, .afterQuoted: afterElement(byte)
        case .beforeSemicolon: isBlank(byte) ? .beforeSemicolon : byte == semicolon ? .beforeName : nil
        case .beforeName: isBlank(byte) ? .beforeName : isToken(byte) ? .name : nil
        case .name:
            isToken(byte) ? .name : isBlank(byte) ? .beforeEquals : byte == equals ? .beforeValue : afterElement(byte)
        case .beforeEquals:
            isBlank(byte) ? .beforeEquals : byte == equals ? .beforeValue : byte == semicolon ? .beforeName : nil
        case .beforeValue: isBlank(byte) ? .beforeValue : byte == quote ? .quoted : isToken(byte) ? .value : nil
        case .value: isToken(byte) ? .value : afterElement(byte)
        case .quoted: byte == quote ? .afterQuoted : byte == backslash ? .escaped : isFieldValue(byte) ? .quoted : nil
        case .escaped: isFieldValue(byte) ? .quoted : nil
        case .sizeLF: byte == lf ? beginChunk() : nil
        case .dataCR: byte == cr ? .dataLF : nil
        case .dataLF: byte == lf ? .firstDigit : nil
        // Trailers are field lines. A folded one begins with white space, which is not part of a name.
        case .trailer: byte == cr ? .lastLF : isToken(byte) ? .trailerName : nil
        case .trailerName: byte == colon ? .trailerValue : isToken(byte) ? .trailerName : nil
        case .trailerValue: byte == cr ? .trailerLF : isFieldValue(byte) ? .trailerValue : nil
        case .trailerLF: byte == lf ? .trailer : nil
        case .lastLF: nil
        }
    }

    /// What may follow a size, a name or a value.
    private func afterElement(_ byte: UInt8) -> Place? {
        byte == cr ? .sizeLF : byte == semicolon ? .beforeName : isBlank(byte) ? .beforeSemicolon : nil
    }

    /// The chunk of size 0 is the last one, and trailers follow it.
    private mutating func beginChunk() -> Place {
        length += left
        return left == 0 ? .trailer : .data
    }
}

private let semicolon = UInt8(ascii: ";")
private let equals = UInt8(ascii: "=")
private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
