package import Foundation
package import Subprocess
import SystemPackage

/// Runs programs to their end, with their own environment, input and time limit.
package enum Child {
    /// How a program ended and what it wrote.
    package struct Result: Sendable, CustomStringConvertible {
        /// The exit status; 128 plus the signal's number where a signal ended the program, as a shell reports it.
        package var status: Int32
        /// What it wrote to its standard output, up to 16 MiB.
        package var stdout: String
        /// What it wrote to its standard error, up to 16 MiB.
        package var stderr: String

        package init(status: Int32, stdout: String, stderr: String) {
            self.status = status
            self.stdout = stdout
            self.stderr = stderr
        }

        /// All of it, for a failing test.
        package var description: String {
            "exit status \(status)\n--- stdout\n\(stdout)\n--- stderr\n\(stderr)"
        }
    }

    /// Runs a program and collects what it writes.
    ///
    /// - Parameters:
    ///   - environment: Added to this process's environment, from which all Kerberos variables were removed.
    ///   - timeout: When it is up the program is killed and the call throws.
    package static func run(
        _ executable: URL, _ arguments: [String] = [], environment: [String: String] = [:],
        standardInput: String = "", timeout: Duration = .seconds(120)
    ) async throws -> Result {
        let input = try inputFile(standardInput)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                let outcome = try await Subprocess.run(
                    .path(FilePath(executable.path)), arguments: Arguments(arguments),
                    environment: inherited(adding: environment),
                    input: .fileDescriptor(input, closeAfterSpawningProcess: true),
                    output: .string(limit: 16 << 20), error: .string(limit: 16 << 20)
                )
                return Result(
                    status: status(outcome.terminationStatus), stdout: outcome.standardOutput,
                    stderr: outcome.standardError)
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw TestSupportError("\(executable.lastPathComponent) did not end within \(timeout) and was killed")
            }
            return result
        }
    }

    /// This process's environment without Kerberos variables, with `added` over it.
    package static func inherited(adding added: [String: String]) -> Environment {
        let own = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KRB5") }
        var variables: [Environment.Key: String] = [:]
        for (name, value) in own.merging(added, uniquingKeysWith: { $1 }) {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        return .custom(variables)
    }

    package static func status(_ status: TerminationStatus) -> Int32 {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }

    /// A file without a name: a pipe would raise SIGPIPE here when the program ends without reading.
    private static func inputFile(_ text: String) throws -> FileDescriptor {
        let folder = FileManager.default.temporaryDirectory
        let path = folder.appendingPathComponent("child-input-\(UUID().uuidString)").path
        let file = try FileDescriptor.open(
            FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: .ownerReadWrite)
        try FileManager.default.removeItem(atPath: path)
        try file.writeAll(text.utf8)
        _ = try file.seek(offset: 0, from: .start)
        return file
    }
}
