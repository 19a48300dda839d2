import Shared

extension Command {
    static let doctor = Command(
        "doctor", "[--json]", "Checks whether everything is ready for a sale.",
        details: """
            Checks the names of its own settings, the Sentinels (each reached, and which primary it names), Redis
            (reached, version, primary, the settings that keep confirmed orders, its append-only file, its memory, the
            fence and the waiting room of each sale, and whether anything is paused), its replicas (how many, and
            whether each could take over), the clocks, the files of keys, token and password and their permissions, the
            database and the free space on its disk, and whether the worker stores orders (only if SALE_OPS_LISTEN or
            SALE_OPS_TOKEN_FILE is set). Exit code 0: nothing is wrong; 1: something is, and its line says what to do.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        var doctor = Doctor(context: context)
        doctor.examine()
        if arguments.has("--json") {
            Output.line(doctor.json)
        } else {
            Output.print(doctor.findings.map { ("\($0.verdict.rawValue.padded(to: 4))  \($0.subject)", $0.detail) })
        }
        return doctor.isHealthy ? ExitCode.ok : ExitCode.negative
    }
}
