/// Draws numbers for no more than to spread presses: a multiplication, where the system's generator would be a call of the kernel
/// at every answer.
struct Mixer {
    private var state: UInt32 = 1

    /// A number from 0 to `bound - 1`, each as often as the others.
    mutating func index(below bound: Int) -> Int {
        // The generator of Numerical Recipes; its upper bits are the better ones. (`>>` binds closer than `*` in Swift.)
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int((UInt64(state) * UInt64(bound)) >> 32)
    }
}
