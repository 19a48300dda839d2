import Glibc

/// A system call that failed in a way its caller can't repair.
package struct SystemError: Error, CustomStringConvertible {
    /// The call, as in `epoll_ctl`.
    package let call: String
    /// Its errno.
    package let code: Int32

    /// Captures errno: make it the first thing after the call that failed.
    package init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}
