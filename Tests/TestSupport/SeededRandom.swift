import Foundation

/// A repeatable source of randomness: it prints its seed, and SALE_TEST_SEED runs a test again with it.
package struct SeededRandom: RandomNumberGenerator {
    package let seed: UInt64
    private var state: UInt64

    package init() {
        let given = ProcessInfo.processInfo.environment["SALE_TEST_SEED"].flatMap { UInt64($0) }
        seed = given ?? UInt64.random(in: 1...(.max))
        state = seed
        print("random seed: SALE_TEST_SEED=\(seed)")
    }

    /// splitmix64.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
