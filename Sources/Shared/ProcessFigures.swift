import Glibc

/// What this process has used, as the kernel counts it. A figure that can't be read is 0.
package enum ProcessFigures {
    /// When the process was started, in microseconds since 1970. Computed once: if the clock is set, a process has not
    /// been started again.
    static let startMicroseconds: Int = {
        // proc(5): the 22nd field, in ticks since boot. The second one is a name in parentheses.
        guard let text = read("/proc/self/stat"), let name = text.lastIndex(of: ")") else { return 0 }
        let fields = text[name...].split(separator: " ")
        guard fields.count > 20, let ticks = Int(fields[20]) else { return 0 }
        let ageMicroseconds = microseconds(CLOCK_BOOTTIME) - ticks * (1_000_000 / sysconf(Int32(_SC_CLK_TCK)))
        return microseconds(CLOCK_REALTIME) - ageMicroseconds
    }()

    /// CPU time, user and system.
    package static var cpuMicroseconds: Int { microseconds(CLOCK_PROCESS_CPUTIME_ID) }

    static var residentBytes: Int {
        guard let pages = read("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            return 0
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func microseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    private static func read(_ path: String) -> String? {
        (try? File.read(path, limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
    }
}
