/// The members of a report, listed once for people and for programs. Their order is that of the literal.
package struct Figures: ExpressibleByDictionaryLiteral, Sendable {
    /// One member's value.
    package enum Value: Sendable {
        case text(String?)
        case number(Int?)
        case flag(Bool)
        case time(UnixMilliseconds?)
    }

    private let members: [(name: StaticString, value: Value)]

    package init(dictionaryLiteral members: (StaticString, Value)...) {
        self.members = members.map { (name: $0.0, value: $0.1) }
    }

    /// For people: each name, and its value as text; `-` if there is none.
    package var lines: [(name: String, value: String)] {
        members.map { name, value in
            switch value {
            case .text(let text): ("\(name)", text ?? "-")
            case .number(let number): ("\(name)", number.map { "\($0)" } ?? "-")
            case .flag(let flag): ("\(name)", flag ? "yes" : "no")
            case .time(let time): ("\(name)", time?.rfc3339 ?? "-")
            }
        }
    }

    /// For programs: appends them as members of an object, without braces.
    package func append(to json: inout ByteBuffer) {
        for (name, value) in members {
            switch value {
            case .text(let text): json.appendMember(name, text)
            case .number(let number): json.appendMember(name, number)
            case .flag(let flag): json.appendMember(name, flag)
            case .time(let time): json.appendMember(name, time: time)
            }
        }
    }
}
