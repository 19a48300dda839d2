import Shared
import Testing

@testable import SaleAPI

@Suite struct `An entity tag` {
    @Test(arguments: [
        (#"W/"0a""#, true), (#""0a""#, true), (#""x", W/"0a""#, true), ("*", true), (#"W/"0b""#, false), ("", false),
        (#"W/"0aa""#, false), ("0a", false), ("\"x\" ,\tW/\"0a\" ", true), (#""a,*,b""#, false), (#""x", *"#, false),
        ("W/*", false), (#"W/"0a"z"#, false),
    ])
    func `matches by weak comparison`(_ field: String, _ matches: Bool) {
        #expect(field.withBytes { EntityTags.match($0, #"W/"0a""#) } == matches)
    }
}
