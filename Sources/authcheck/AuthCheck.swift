import ArgumentParser
import AuthCheckKit
import MongoAuth

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The command line.
@main
struct AuthCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authcheck",
        abstract: "Finds out whether this machine can authenticate to a MongoDB server, and if not, what to change.",
        discussion: """
            The exit status says what went wrong: 3 warnings with --fail-on-warning, 10 dns, 11 connect, 12 tls, 13 protocol, 20 no-credentials, \
            21 kdc-unreachable, 22 credentials-rejected, 23 service-unknown, 24 clock-skew, 25 kerberos, 30 refused, \
            31 mechanism-unavailable, 32 server-not-proven, 33 security-layer, 40 deadline, 64 usage, 74 output, \
            1 internal.
            """,
        version: ClientVersion.current,
        subcommands: [
            CheckCommand.self, ExplainCommand.self, EnvironmentCommand.self, KeytabCommand.self,
            CompletionsCommand.self,
        ],
        defaultSubcommand: CheckCommand.self)

    /// Runs the command. ArgumentParser's errors repeat wrong arguments, which may hold a password.
    static func main() async {
        StandardStreams.prepare()
        ProcessMemory.returnLargeBlocks()
        guard !CommandLine.arguments.isEmpty else {
            // Where Swift finds them on Linux.
            Diagnostics.print("The arguments cannot be read: /proc/self/cmdline is missing; mount /proc.")
            leave(with: .validationFailure)
        }
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            leave(with: .success)
        } catch {
            var code = exitCode(for: error)
            let message = fullMessage(for: error)
            if code.isSuccess {
                do { try StandardStreams.print(message) } catch { code = exitCode(for: error) }
            } else if !message.isEmpty {
                let message = Redaction.withoutArguments(message, CommandLine.arguments.dropFirst())
                Diagnostics.print(message)
                if code == .validationFailure { code = report(usage: message) }
            }
            leave(with: code)
        }
    }

    /// A requested format for programs is always used, and so is the requested output file.
    private static func report(usage message: String) -> ExitCode {
        let output = outputOptions
        let first = message.split(separator: "\n").first.map(String.init) ?? message
        let text = first.hasPrefix("Error: ") ? String(first.dropFirst(7)) : first
        let report = CheckReport.usage(text)
        guard output.format != .text || output.output != nil else { return .validationFailure }
        do {
            try output.print(report)
            return ExitCode(output.status(ExitCode.validationFailure.rawValue, of: report))
        } catch {
            return exitCode(for: error)
        }
    }

    /// The report options in the arguments, whatever else is wrong with them.
    private static var outputOptions: OutputOptions {
        let arguments = CommandLine.arguments
        func value(_ option: String) -> String? {
            for (index, argument) in arguments.enumerated() {
                if argument == option, index + 1 < arguments.count { return arguments[index + 1] }
                if argument.utf8.starts(with: "\(option)=".utf8) { return String(argument.dropFirst(option.count + 1)) }
            }
            return nil
        }
        var options = ["--format", "--output"].flatMap { name in value(name).map { [name, $0] } ?? [] }
        if let output = try? OutputOptions.parse(options) { return output }
        options.removeFirst(min(2, options.count))
        return (try? OutputOptions.parse(options)) ?? OutputOptions()
    }

    /// Ends the process immediately: the exit gate would wait up to a second for a look-up of a KDC.
    private static func leave(with code: ExitCode) -> Never {
        fflush(nil)
        _exit(code.rawValue)
    }
}
