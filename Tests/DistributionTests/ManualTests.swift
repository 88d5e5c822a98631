import AuthCheckKit
import Foundation
import TestSupport
import Testing

/// The manual pages as `make man` writes them, and the completions.
@Suite struct ManualTests {
    /// The parts of a program's help that are needed.
    private struct Dump: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String

            var asTyped: String { (kind == "long" ? "--" : "-") + name }
        }

        struct Argument: Decodable {
            var names: [Name]?
            var shouldDisplay: Bool
        }

        struct Command: Decodable {
            var commandName: String
            var arguments: [Argument]?
            var subcommands: [Command]?
        }

        var command: Command
    }

    /// A page in its source, written by the program that is built.
    private func source(_ program: String) async throws -> String {
        let result = try await Child.run(
            ProjectFiles.root.appendingPathComponent("docs/man/generate"),
            [
                BuiltExecutable.url(named: program).path,
                ProjectFiles.root.appendingPathComponent("docs/man/\(program).mdoc").path,
            ], environment: ["SOURCE_DATE_EPOCH": "1700000000"])
        #expect(result.status == 0, "\(result)")
        return result.stdout
    }

    /// The page as it is read, without bold and underlined.
    private func page(_ program: String) async throws -> String {
        let result = try await Child.run(
            BuiltExecutable.system("mandoc", package: "mandoc"), ["-T", "ascii", "-O", "width=200"],
            standardInput: try await source(program))
        #expect(result.status == 0, "\(result)")
        var text = ""
        for scalar in result.stdout.unicodeScalars {
            if scalar == "\u{8}" { text.unicodeScalars.removeLast() } else { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    /// What stands between a heading and the next one that is indented as far.
    private func section(_ heading: String, indented: Int, of page: String) -> [Substring] {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        func isHeading(_ line: Substring) -> Bool { !line.isEmpty && line.prefix { $0 == " " }.count <= indented }
        let start = lines.firstIndex { isHeading($0) && $0.trimmingCharacters(in: .whitespaces) == heading }
        guard let start else { return [] }
        return Array(lines[(start + 1)...].prefix { !isHeading($0) })
    }

    @Test(arguments: ["authcheck", "testrealm"])
    func bothFormattersTakeThePage(_ program: String) async throws {
        let source = try await source(program)
        #expect(!source.split(separator: "\n").contains { $0.hasPrefix("@") })
        #expect(source.hasPrefix(".Dd November 14, 2023\n"))
        let mandoc = try await Child.run(
            BuiltExecutable.system("mandoc", package: "mandoc"), ["-T", "lint", "-W", "warning"],
            standardInput: source)
        #expect(mandoc.status == 0 && mandoc.stdout.isEmpty && mandoc.stderr.isEmpty, "\(mandoc)")
        let groff = try await Child.run(
            BuiltExecutable.system("groff", package: "groff-base"), ["-mandoc", "-ww", "-z"], standardInput: source)
        #expect(groff.status == 0 && groff.stdout.isEmpty && groff.stderr.isEmpty, "\(groff)")
    }

    /// Each in the part about its command.
    @Test(arguments: ["authcheck", "testrealm"])
    func everyOptionIsInThePage(_ program: String) async throws {
        let dump = try await Child.run(BuiltExecutable.url(named: program), ["--experimental-dump-help"])
        let root = try JSONDecoder().decode(Dump.self, from: Data(dump.stdout.utf8)).command
        let page = try await page(program)
        let commands = (root.subcommands ?? []).filter { $0.commandName != "help" }
        #expect(commands.count > 2)
        for command in commands {
            let section = section(command.commandName, indented: 3, of: page)
            let terms = section.filter { $0.hasPrefix("     ") && !$0.hasPrefix("      ") }
                .flatMap { $0.split(whereSeparator: { " ,".contains($0) }).map(String.init) }
            #expect(!section.isEmpty, "\(command.commandName)")
            for argument in command.arguments ?? [] where argument.shouldDisplay {
                for name in (argument.names ?? []).map(\.asTyped) where !["--help", "-h", "--version"].contains(name) {
                    #expect(terms.contains(name), "\(command.commandName) \(name)")
                }
            }
            for argument in command.arguments ?? [] where !argument.shouldDisplay {
                for name in (argument.names ?? []).map(\.asTyped) where !["--help", "-h"].contains(name) {
                    #expect(!terms.contains(name), "\(command.commandName) \(name) is hidden")
                }
            }
        }
    }

    @Test func everyExitStatusIsInThePage() async throws {
        let statuses = section("EXIT STATUS", indented: 0, of: try await page("authcheck")).map {
            $0.split(separator: " ")
        }
        for failure in FailureClass.allCases {
            #expect(
                statuses.contains { $0.starts(with: ["\(failure.exitStatus)", "\(failure.rawValue):"]) }, "\(failure)")
        }
        for other in ["0", "3", "74", "130"] {
            #expect(statuses.contains { $0.first?[...] == other[...] }, "\(other)")
        }
    }

    @Test(arguments: ["authcheck", "testrealm"])
    func thePageHasWhatTheHelpLacks(_ program: String) async throws {
        let page = try await page(program)
        for heading in ["ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
            #expect(!section(heading, indented: 0, of: page).isEmpty, "\(heading)")
        }
    }

    @Test func aShellThatIsUnknownIsAUsageError() async throws {
        let result = try await Child.run(BuiltExecutable.url(named: "authcheck"), ["completions", "tcsh"])
        #expect(result.status == 64 && result.stdout.isEmpty, "\(result)")
    }
}
