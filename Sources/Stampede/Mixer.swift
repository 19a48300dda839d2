/// Draws random numbers, good enough to spread presses. It costs a multiplication; the system's generator would cost a
/// system call at every answer.
struct Mixer {
    private var state: UInt32 = 1

    /// A number from 0 to `bound - 1`, all equally likely.
    mutating func index(below bound: Int) -> Int {
        // The generator of Numerical Recipes; its upper bits are the better ones. (`>>` binds tighter than `*` in
        // Swift.)
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int((UInt64(state) * UInt64(bound)) >> 32)
    }
}
