package import Foundation
package import KerberosTestKit
import Subprocess
import SystemPackage

/// A child process that serves until it is stopped, and that says with one line of JSON that it is ready.
package final class ServerProcess: Sendable {
    /// An address on which the server listens.
    package struct Address: Sendable, Hashable, Codable {
        /// An IPv4 or IPv6 address without brackets.
        package var host: String
        /// The port.
        package var port: Int

        /// Names an address.
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private struct Announcement: Codable {
        var listening: [Address]
    }

    /// Where it listens, in the order in which the addresses were given.
    package let addresses: [Address]
    /// Its process id.
    package let processIdentifier: Int32
    private let name: String
    private let ending: AsyncStream<Void>.Continuation
    private let life: Task<Child.Result, any Error>

    /// The port of the first address; addresses that were asked for with port 0 all have this one.
    package var port: Int { addresses.first?.port ?? 0 }

    /// Starts the package's test server in a realm, as `mongodb/localhost` on IPv4 and IPv6 unless told otherwise.
    ///
    /// - Parameters:
    ///   - keytab: The path of the keytab with the service's keys.
    ///   - users: Who may log in, as `principal` or `principal=role@db,role@db`.
    ///   - arguments: Further arguments for `mongo-test-server`.
    package static func start(
        realm: KerberosRealm, keytab: String, users: [String] = [],
        listen: [String] = ["127.0.0.1:0", "[::1]:0"],
        serviceName: String = "mongodb", serviceHost: String = "localhost", arguments: [String] = []
    ) async throws -> ServerProcess {
        let words =
            listen.flatMap { ["--listen", $0] } + users.flatMap { ["--user", $0] }
            + ["--keytab", keytab, "--service-name", serviceName, "--service-host", serviceHost]
        return try await ServerProcess(
            BuiltExecutable.url(named: "mongo-test-server"), words + ["--exit-with-parent"] + arguments,
            environment: realm.environment(keytab: keytab))
    }

    /// Starts a program that prints `{"listening": [{"host": .., "port": ..}]}` and serves until its input ends.
    package init(
        _ executable: URL, _ arguments: [String], environment: [String: String], timeout: Duration = .seconds(60)
    ) async throws {
        let (endings, ending) = AsyncStream.makeStream(of: Void.self)
        let (lines, announce) = AsyncStream.makeStream(of: (process: Int32, line: String).self)
        name = executable.lastPathComponent
        self.ending = ending
        let life = Task {
            defer { announce.finish() }
            // The program waits for the end of this input, and never gets any: so nothing is ever written to it.
            let outcome = try await Subprocess.run(
                .path(FilePath(executable.path)), arguments: Arguments(arguments),
                environment: Child.inherited(adding: environment),
                input: .inputWriter, output: .sequence, error: .string(limit: 16 << 20)
            ) { execution in
                try await withThrowingTaskGroup(of: String?.self) { group in
                    group.addTask {
                        var output = ""
                        for try await line in execution.standardOutput.strings() {
                            announce.yield((execution.processIdentifier.value, line))
                            output += line
                        }
                        announce.finish()
                        return output
                    }
                    group.addTask {
                        for await _ in endings {}
                        try await execution.standardInputWriter.finish()
                        return nil
                    }
                    var output = ""
                    while let result = try await group.next() {
                        guard let result else { continue }
                        output = result
                        ending.finish()
                    }
                    return output
                }
            }
            return Child.Result(
                status: Child.status(outcome.terminationStatus), stdout: outcome.closureResult,
                stderr: outcome.standardError)
        }
        self.life = life

        let clock = Task {
            try await Task.sleep(for: timeout)
            announce.finish()
        }
        defer { clock.cancel() }
        var first: (process: Int32, line: String)?
        for await line in lines {
            first = line
            break
        }
        guard let first, let announcement = try? JSONDecoder().decode(Announcement.self, from: Data(first.line.utf8))
        else {
            ending.finish()
            let result = try await life.value
            throw TestSupportError("\(executable.lastPathComponent) did not start: \(result)")
        }
        addresses = announcement.listening
        processIdentifier = first.process
    }

    deinit {
        ending.finish()
    }

    /// Waits for the server to end by itself, and returns how it ended.
    package func wait() async throws -> Child.Result {
        try await life.value
    }

    /// Ends the server by ending its input, and returns what it wrote once it is gone.
    ///
    /// - Throws: `TestSupportError` with all that it wrote, unless its exit status is 0: a crash or a sanitizer's report
    ///   while it shuts down fails the test that stops it. Where another status is expected call ``end()``.
    @discardableResult
    package func stop() async throws -> Child.Result {
        let result = try await end()
        guard result.status == 0 else { throw TestSupportError("\(name) did not end well: \(result)") }
        return result
    }

    /// Ends the server by ending its input, and returns how it ended once it is gone, whatever its exit status.
    package func end() async throws -> Child.Result {
        ending.finish()
        return try await life.value
    }
}
