/// Signs tickets. Each takes about a microsecond, and nothing is allocated.
package struct TicketMint: ~Copyable {
    private var signer: MACSigner
    private var claims = ByteBuffer(capacity: 512)

    /// Makes a mint that signs with the key derived from the first of `keys`, the buyers' own.
    package init(keys: KeySet) {
        signer = MACSigner(key: Ticket.keys(from: keys).keys[0], type: Ticket.type)
    }

    /// Appends a ticket for `buyer`.
    package mutating func append(
        sale: SaleID, uuid: String, epoch: Int, buyer: Span<UInt8>, position: Int, to output: inout ByteBuffer
    ) {
        claims.removeAll()
        claims.append("{\"sale\":\"")
        claims.append(sale)
        claims.append("\",\"uuid\":")
        claims.append(json: uuid)
        claims.appendMember("epoch", epoch)
        claims.append(",\"sub\":")
        claims.append(json: buyer)
        claims.appendMember("position", position)
        claims.append("}")
        signer.append(claims, to: &output)
    }
}
