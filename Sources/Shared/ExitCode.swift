/// The exit codes of our programs (sysexits.h).
package enum ExitCode {
    package static let ok: Int32 = 0
    /// The command ran, and the result is negative: reconcile found a difference, doctor a problem.
    package static let negative: Int32 = 1
    /// EX_USAGE: the command line is wrong.
    package static let usage: Int32 = 64
    /// EX_DATAERR: the input is not in the expected form.
    package static let data: Int32 = 65
    /// EX_NOINPUT: a required file doesn't exist.
    package static let noInput: Int32 = 66
    /// EX_UNAVAILABLE: Redis or another service can't be reached, or refused.
    package static let unavailable: Int32 = 69
    /// EX_SOFTWARE: a bug in our program.
    package static let software: Int32 = 70
    /// EX_OSERR: a system call failed unexpectedly.
    package static let osError: Int32 = 71
    /// EX_CANTCREAT: a file or a socket can't be created.
    package static let cantCreate: Int32 = 73
    /// EX_IOERR: output could not be written.
    package static let io: Int32 = 74
    /// EX_TEMPFAIL: under way or not yet confirmed, or not possible just now: check again later.
    package static let temporaryFailure: Int32 = 75
    /// EX_NOPERM: not allowed.
    package static let noPermission: Int32 = 77
    /// EX_CONFIG: a setting is wrong.
    package static let config: Int32 = 78
    /// 128 and the number of SIGINT, as shells have it: somebody has interrupted the run, whichever signal was sent.
    package static let interrupted: Int32 = 130
}
