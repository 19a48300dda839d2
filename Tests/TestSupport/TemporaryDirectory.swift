package import Foundation

/// A directory for one test, removed when it is released.
package final class TemporaryDirectory: Sendable {
    package let url: URL

    package init() throws {
        // The name is short, because the directory holds Unix sockets: sun_path holds 107 bytes.
        url = FileManager.default.temporaryDirectory.appendingPathComponent("sale-\(UInt32.random(in: 0...(.max)))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// The path of a file in it.
    package func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}
