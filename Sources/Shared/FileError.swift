import Glibc

/// Why a file could not be read or written, in the system's words.
package struct FileError: Error, CustomStringConvertible {
    package let code: Int32
    package let description: String

    /// Captures errno: make it the first thing after the call that failed.
    package init(code: Int32 = errno) {
        self.code = code
        description = String(cString: strerror(code))
    }
}
