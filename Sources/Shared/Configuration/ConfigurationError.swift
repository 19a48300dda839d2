/// Why a setting can't be used, in one sentence that names it. Programs print it and exit with `ExitCode.config`.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ setting: Setting, _ problem: String) { description = "\(setting.name) \(problem)" }
}
