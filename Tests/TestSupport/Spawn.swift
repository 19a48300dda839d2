import CLinux
import Foundation
import Glibc

/// Starts a program with only these three descriptors open (nil is /dev/null), and returns its id.
///
/// It doesn't use Foundation's `Process`, for two reasons. The child would inherit the calling thread's blocked
/// signals: a thread of Dispatch blocks SIGTERM, and a Redis started there would never receive it. And `Process` leaves
/// a run loop on that thread, and the thread sanitizer crashes when it ends.
func spawn(
    _ program: String, _ arguments: [String], environment: [String: String], standard descriptors: [FileHandle?]
) throws -> pid_t {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    for (number, handle) in descriptors.enumerated() {
        if let handle {
            posix_spawn_file_actions_adddup2(&files, handle.fileDescriptor, Int32(number))
        } else {
            posix_spawn_file_actions_addopen(&files, Int32(number), "/dev/null", O_RDWR, 0)
        }
    }
    CLinux_spawn_close_from(&files, Int32(descriptors.count))

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let words = cStrings([program] + arguments)
    let variables = cStrings(environment.map { "\($0)=\($1)" })
    defer { for text in words + variables { free(text) } }
    var id: pid_t = 0
    let error = posix_spawn(&id, program, &files, &attributes, words, variables)
    guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error)!, userInfo: ["program": program]) }
    return id
}

/// The form of `argv` and `envp`: C strings that the caller must free, and a nil at the end.
private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }
