import Shared

/// The request of any buyer, written once: of a press only the token and the key's digits are written anew.
final class PreparedRequest {
    enum Kind { case press, join }

    private let bytes: UnsafeMutableRawBufferPointer
    private let tokenStart: Int
    /// Of the key; nil where there is none.
    private let digitsStart: Int?

    /// - Parameter buyers: whose tokens are of one length, as are the keys.
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

    /// The request of this buyer; valid until the next one is asked for.
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
