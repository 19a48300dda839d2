/// What this build calls itself.
package enum Release {
    /// Semantic version of all four programs, which are released together.
    package static let version = "0.1.0"
}
