/// The last position that an API process has confirmed to a buyer, and the units left then.
package struct Witness: Equatable, Sendable {
    package var position: Int
    package var remaining: Int

    package init(position: Int, remaining: Int) {
        self.position = position
        self.remaining = remaining
    }
}
