package import Foundation
import Glibc

/// Whether a process exists.
package func isRunning(_ process: Int32) -> Bool {
    kill(process, 0) == 0 || errno == EPERM
}

/// A folder of the test's own, removed afterwards.
package func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}
