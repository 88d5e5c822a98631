import ArgumentParser
import Dispatch
import Glibc
import ShellWords

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct UpCommand: AsyncParsableCommand, Sendable {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case shell
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts a realm, says how to use it, and stays until SIGTERM, SIGINT, or the end of its parent.",
        discussion: """
            In a shell: eval "$(testrealm up --for $$)" starts a realm in the background that ends with the shell, or \
            with kill $TESTREALM_PID.

            From another program: start `testrealm up --format json`, read one line from it, and end it with SIGTERM.
            """)

    @OptionGroup var options: RealmOptions

    @Option(help: "The output's format: lines for a shell, or one line of JSON.")
    var format = Format.shell

    @Flag(help: "Also end when standard input ends.")
    var exitWithInput = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Go to the background, and end with that process instead of the parent.", valueName: "pid"))
    var owner: Int32?

    /// Set by the program itself for the copy in the background: no reader waits for the end of its output.
    @Flag(help: .private)
    var detached = false

    func validate() throws {
        if let owner, owner < 1 || (kill(owner, 0) != 0 && errno == ESRCH) {
            throw ValidationError("--for \(owner): there is no such process.")
        }
        if owner != nil, exitWithInput {
            throw ValidationError("--exit-with-input cannot be combined with --for: the background has no input.")
        }
    }

    func run() async throws {
        if owner != nil, !detached {
            throw ExitCode(try Background.start(["up", "--detached"] + CommandLine.arguments.dropFirst(2)))
        }
        if detached { Background.leaveSession() }
        // Before anything starts: a signal that comes early must not be lost.
        let signals = Signals([SIGHUP, SIGINT, SIGTERM])
        let parent = getppid()
        try await PreparedRealm.with(options, signals) { [arriving = signals.arriving] realm in
            TestRealm.writeAll(try text(realm.description), to: 1)
            if detached { Background.releaseOutput() }
            await ending(arriving, parent: parent)
        }
    }

    private func text(_ realm: PreparedRealm.Description) throws -> String {
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(realm), as: UTF8.self) + "\n"
        case .shell:
            return realm.environment.sorted { $0.key < $1.key }.map { name, value in
                "export \(name)=\(ShellWord.inApostrophes(value))\n"
            }.joined()
        }
    }

    /// Returns at the first reason to end.
    private func ending(_ signals: AsyncStream<Int32>, parent: Int32) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { return } }
            group.addTask { [owner] in
                await Self.becomesTrue { owner.map { kill($0, 0) != 0 && errno == ESRCH } ?? (getppid() != parent) }
            }
            if exitWithInput {
                group.addTask { await Self.endOfInput() }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Polls: a process that is not our child does not signal its end.
    private static func becomesTrue(_ condition: @escaping @Sendable () -> Bool) async {
        while !Task.isCancelled, !condition() {
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A thread of its own, as reading blocks; it ends with the process.
    private static func endOfInput() async {
        let (end, ended) = AsyncStream.makeStream(of: Void.self)
        DispatchQueue(label: "testrealm.input").async {
            var byte: UInt8 = 0
            while true {
                let count = read(0, &byte, 1)
                if count == 0 || (count < 0 && errno != EINTR) { break }
            }
            ended.finish()
        }
        for await _ in end {}
    }
}
