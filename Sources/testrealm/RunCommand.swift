import ArgumentParser
import Glibc
import Subprocess
import SystemPackage

struct RunCommand: AsyncParsableCommand, Sendable {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a command in a fresh realm, and ends with its exit status.",
        discussion: """
            For example: testrealm run --server -- python3 -m pytest

            The exit status is the command's; 128 plus the signal's number if a signal ended it, or came before \
            the realm was ready; 125 if the realm did not start, 126 if the command cannot be run, 127 if there is \
            none. If this program itself is killed, the command gets SIGTERM.
            """)

    @OptionGroup var options: RealmOptions

    @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run, after `--`.", valueName: "command"))
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("Name a command after `--`.") }
    }

    func run() async throws {
        let signals = Signals([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])
        let status = try await PreparedRealm.with(options, signals) { [arriving = signals.arriving] realm -> Int32 in
            try await self.status(of: command, in: realm.description.environment, arriving)
        }
        throw ExitCode(status)
    }

    private func status(
        of command: [String], in environment: [String: String], _ signals: AsyncStream<Int32>
    ) async throws -> Int32 {
        let name = command[0]
        let program: Executable = name.utf8.contains(UInt8(ascii: "/")) ? .path(FilePath(name)) : .name(name)
        do {
            return try await CommandGuard.watching { tell in
                let outcome = try await Subprocess.run(
                    program, arguments: Arguments(Array(command.dropFirst())), environment: environment.forChild,
                    input: .fileDescriptor(.standardInput, closeAfterSpawningProcess: false),
                    output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                    error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
                ) { execution in
                    let process = execution.processIdentifier.value
                    try await tell(process)
                    return Task {
                        for await number in signals where !Self.comesFromTerminal(number) {
                            kill(process, number)
                        }
                    }
                }
                // From here on the id may be another process's.
                outcome.closureResult.cancel()
                return outcome.terminationStatus.exitStatus
            }
        } catch let error as SubprocessError {
            TestRealm.complain("\(name) cannot be run: \(error)")
            return error.code == .executableNotFound && access(name, F_OK) != 0 ? 127 : 126
        }
    }

    /// Whether the command already got this signal: a terminal signals the whole foreground group.
    private static func comesFromTerminal(_ number: Int32) -> Bool {
        [SIGINT, SIGQUIT].contains(number) && tcgetpgrp(0) == getpgrp()
    }
}
