import Foundation
import Testing

@Suite struct `The documentation` {
    /// A page's prose, without its blocks of code.
    private static func prose(_ page: URL) throws -> String {
        try String(contentsOf: page, encoding: .utf8).replacing(#/(?ms)^ *```.*?^ *```$/#, with: "")
    }

    /// The fragments that lead to a page's headings, as GitHub makes them.
    private static func anchors(_ page: URL) throws -> Set<String> {
        Set(
            try prose(page).matches(of: #/(?m)^#+ (.*)$/#).map {
                $0.output.1.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
                    .replacingOccurrences(of: " ", with: "-")
            })
    }

    private static let pages: [URL] = ["", "bench", "deploy", "docs"].flatMap { folder in
        let start = Ingress.repository.appendingPathComponent(folder)
        let options: FileManager.DirectoryEnumerationOptions = folder.isEmpty ? .skipsSubdirectoryDescendants : []
        let files = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil, options: options)
        return (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "md" }
    }

    @Test func `has no link that leads nowhere`() throws {
        #expect(Self.pages.count > 20)
        var broken: [String] = []
        for page in Self.pages {
            for link in try Self.prose(page).matches(of: #/\]\(([^)#\s]*)(?:#([^)\s]*))?\)/#) {
                let (path, fragment) = (String(link.output.1), link.output.2.map(String.init))
                guard !path.contains(":") else { continue }
                let target = path.isEmpty ? page : page.deletingLastPathComponent().appendingPathComponent(path)
                let isThere = FileManager.default.fileExists(atPath: target.path)
                if try !isThere || fragment.map({ try !Self.anchors(target).contains($0) }) == true {
                    broken.append("\(page.lastPathComponent): \(link.output.0)")
                }
            }
        }
        #expect(broken == [])
    }
}
