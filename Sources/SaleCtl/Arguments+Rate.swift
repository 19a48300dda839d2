import Shared

extension Arguments {
    /// The number in a rate such as `50/s`: its digits only, without a sign.
    static func rate(_ text: String, upTo most: Int) throws(UsageError) -> Int {
        let number = text.hasSuffix("/s") ? String(text.dropLast(2)).withBytes({ $0.decimal }) : nil
        guard let number, (1...most).contains(number) else {
            throw UsageError("\"\(text)\" is no rate: it must be like 50/s, from 1/s to \(most)/s")
        }
        return number
    }
}
