import Shared

/// What the kernel holds for connections to a port of this machine, whoever's they are or were.
func unsentBytes(to port: String) throws -> Int {
    try sockets(to: port).reduce(0) { $0 + (Int($1[4].prefix { $0 != ":" }, radix: 16) ?? 0) }
}

/// How many connections to a port of this machine are open, whoever's they are.
func connections(to port: String) throws -> Int { try sockets(to: port).count { $0[3] == "01" } }

/// The lines of proc(5), /proc/net/tcp, that lead to a port.
private func sockets(to port: String) throws -> [[Substring]] {
    let suffix = ":" + String(Int(port)!, radix: 16, uppercase: true)
    // File.read goes on to the end; what goes by the size of a file reads one page of this one.
    let text = String(decoding: try File.read("/proc/net/tcp", limit: 1 << 24), as: UTF8.self)
    return text.split(separator: "\n").map { $0.split(separator: " ") }.filter {
        $0.count > 4 && $0[2].hasSuffix(suffix)
    }
}
