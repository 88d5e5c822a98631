package import Foundation

/// Finds the programs that the package builds beside its tests.
package enum BuiltExecutable {
    /// The program's file, looked for in the folder of the running test bundle and in those above it.
    package static func url(named name: String) throws -> URL {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let argument = URL(fileURLWithPath: CommandLine.arguments.first ?? "/")
        for start in [own, argument] {
            var folder = start.deletingLastPathComponent()
            while folder.path != "/" {
                let candidate = folder.appendingPathComponent(name)
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder), !isFolder.boolValue,
                    FileManager.default.isExecutableFile(atPath: candidate.path)
                {
                    return candidate
                }
                folder.deleteLastPathComponent()
            }
        }
        throw TestSupportError("\(name) is not built: run `swift build --product \(name)` before the tests")
    }

    /// A program of the system, found through `PATH`; the error names the package that has it.
    package static func system(_ name: String, package: String) throws -> URL {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for folder in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/bin"] {
            let candidate = URL(fileURLWithPath: folder).appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
        }
        throw TestSupportError("\(name) is missing: install the package \(package)")
    }
}
