/// How our programs end (sysexits.h).
package enum ExitCode {
    package static let ok: Int32 = 0
    /// The command ran and its answer is no: reconcile found a difference, doctor a problem.
    package static let negative: Int32 = 1
    /// EX_USAGE: the command line is wrong.
    package static let usage: Int32 = 64
    /// EX_DATAERR: what was given is not of the form asked for.
    package static let data: Int32 = 65
    /// EX_NOINPUT: a file that is needed isn't there.
    package static let noInput: Int32 = 66
    /// EX_UNAVAILABLE: Redis or another service can't be reached, or refuses.
    package static let unavailable: Int32 = 69
    /// EX_SOFTWARE: a bug of ours.
    package static let software: Int32 = 70
    /// EX_OSERR: a system call failed that should not.
    package static let osError: Int32 = 71
    /// EX_CANTCREAT: a file or a socket can't be made.
    package static let cantCreate: Int32 = 73
    /// EX_IOERR: what was to be written could not be.
    package static let io: Int32 = 74
    /// EX_TEMPFAIL: done, or under way, and not yet certain, or not to be done just now: look again.
    package static let temporaryFailure: Int32 = 75
    /// EX_NOPERM: not allowed.
    package static let noPermission: Int32 = 77
    /// EX_CONFIG: a setting is wrong.
    package static let config: Int32 = 78
}
