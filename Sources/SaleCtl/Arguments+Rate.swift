import Shared

extension Arguments {
    /// The number in a rate such as `50/s`: its digits only, without a sign. `name` is the argument that has it.
    static func rate(_ name: String, _ text: String, upTo most: Int) throws(UsageError) -> Int {
        let number = text.hasSuffix("/s") ? String(text.dropLast(2)).withBytes({ $0.decimal }) : nil
        guard let number, (1...most).contains(number) else {
            throw UsageError("\(name) is \"\(text)\"; it must be a rate like 50/s, from 1/s to \(most)/s")
        }
        return number
    }
}
