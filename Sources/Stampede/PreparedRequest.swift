import Shared

/// One request for all buyers: only the token and, in a press, the key's digits are rewritten for each.
final class PreparedRequest {
    enum Kind { case press, join }

    private let bytes: UnsafeMutableRawBufferPointer
    private let tokenStart: Int
    /// Of the key; nil if there is none.
    private let digitsStart: Int?

    /// - Parameter buyers: their tokens all have the same length, and so do their keys.
    init(_ target: Options.Target, _ sale: SaleID, _ kind: Kind, _ buyers: Buyers) {
        var text = ByteBuffer(capacity: 1024)
        text.append("POST /v1/sales/")
        text.append(sale)
        text.append(kind == .press ? "/purchases" : "/queue")
        text.append(" HTTP/1.1\r\nHost: ")
        text.append(target.host)
        text.append("\r\nContent-Length: 0\r\nAuthorization: Bearer ")
        tokenStart = text.count
        buyers.withToken(0) { text.append($0) }
        if kind == .press {
            text.append("\r\nIdempotency-Key: ")
            Buyers.append(key: 0, to: &text)
            digitsStart = text.count - Buyers.digits
        } else {
            digitsStart = nil
        }
        text.append("\r\n\r\n")
        bytes = .allocate(byteCount: text.count, alignment: 16)
        text.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }

    deinit { bytes.deallocate() }

    /// This buyer's request; valid until the next call.
    func of(_ buyer: Int, _ buyers: Buyers) -> UnsafeRawBufferPointer {
        buyers.withToken(buyer) {
            (bytes.baseAddress! + tokenStart).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        guard let digitsStart else { return UnsafeRawBufferPointer(bytes) }
        var number = buyer + 1
        for place in stride(from: digitsStart + Buyers.digits - 1, through: digitsStart, by: -1) {
            bytes[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10)
            number /= 10
        }
        return UnsafeRawBufferPointer(bytes)
    }
}
