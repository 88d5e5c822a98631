import Foundation
import TestSupport

/// The project's own folder, and one for a test's files.
enum ProjectFiles {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Runs `body` with an empty folder that is removed afterwards.
    static func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("distribution-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder)
    }

    /// Debian's Python: one of a virtual environment does not have Debian's modules.
    static func python(_ program: String, _ arguments: [String]) async throws -> Child.Result {
        try await Child.run(URL(fileURLWithPath: "/usr/bin/python3"), ["-c", program] + arguments)
    }
}
