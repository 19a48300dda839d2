import Shared

/// A value to bind.
enum StoreValue {
    case integer(Int)
    case text(String)
    case blob([UInt8])
    case null

    static func sale(_ sale: SaleID) -> StoreValue { .text("\(sale)") }
    static func time(_ time: UnixMilliseconds) -> StoreValue { .integer(time.value) }

    /// An optional, as a value or NULL.
    static func optional(_ value: Int?) -> StoreValue { value.map { .integer($0) } ?? .null }
    static func optional(_ value: String?) -> StoreValue { value.map { .text($0) } ?? .null }
    static func optional(_ value: [UInt8]?) -> StoreValue { value.map { .blob($0) } ?? .null }
    static func optional(_ value: UnixMilliseconds?) -> StoreValue { value.map { .time($0) } ?? .null }
}
