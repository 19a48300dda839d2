import Shared

/// Bytes that the kernel holds for connections to a port of this machine, whichever process they belong or belonged to.
func unsentBytes(to port: String) throws -> Int {
    try sockets(to: port).reduce(0) { $0 + (Int($1[4].prefix { $0 != ":" }, radix: 16) ?? 0) }
}

/// How many connections to a port of this machine are open, whichever process they belong to.
func connections(to port: String) throws -> Int { try sockets(to: port).count { $0[3] == "01" } }

/// Whether the kernel probes the other end of every open connection to a port of this machine while nothing is said.
func isKeptAlive(to port: String) throws -> Bool {
    try sockets(to: port).allSatisfy { $0[3] != "01" || $0[5].hasPrefix("02:") }
}

/// The lines of /proc/net/tcp (proc(5)) for connections to a port.
private func sockets(to port: String) throws -> [[Substring]] {
    let suffix = ":" + String(Int(port)!, radix: 16, uppercase: true)
    // File.read reads to the end; readers that rely on the file's size get one page of this one.
    let text = String(decoding: try File.read("/proc/net/tcp", limit: 1 << 24), as: UTF8.self)
    return text.split(separator: "\n").map { $0.split(separator: " ") }.filter {
        $0.count > 5 && $0[2].hasSuffix(suffix)
    }
}
