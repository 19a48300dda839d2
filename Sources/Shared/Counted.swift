/// A number and its noun, in the form that belongs to the number; by default the plural ends in s.
package func counted(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(number) \(number == 1 ? one : many ?? "\(one)s")"
}
