/// The release that this is.
package enum Release {
    /// The semantic version of all four programs, which are released together.
    package static let version = "0.1.0"
}
