import Glibc

/// A system call that failed in a way that its caller can't handle.
package struct SystemError: Error, CustomStringConvertible {
    /// The call's name, such as `epoll_ctl`.
    package let call: String
    /// Its errno.
    package let code: Int32

    /// Captures errno: create it right after the call that failed.
    package init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}
