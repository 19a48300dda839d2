import Glibc

/// Why a file could not be read or written, in the words of strerror(3).
package struct FileError: Error, CustomStringConvertible {
    package let code: Int32
    package let description: String

    /// Captures errno: create it right after the call that failed.
    package init(code: Int32 = errno) {
        self.code = code
        description = String(cString: strerror(code))
    }
}
