import Foundation
import TestSupport
import Testing

/// The report's output, whatever the result of the check.
@Suite struct ReportFileTests {
    private static let uri = "mongodb://ann:pw@127.0.0.1:1/?authMechanism=SCRAM-SHA-256"

    /// Runs a shell script in a folder of its own; `$authcheck` is the program, `$uri` a string whose host refuses.
    private func shell(_ script: String) async throws -> Child.Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await Child.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", "cd \"$folder\" && \(script)"],
            environment: [
                "authcheck": BuiltExecutable.url(named: "authcheck").path, "uri": Self.uri, "folder": folder.path,
            ])
    }

    @Test func permissionsStay() async throws {
        let result = try await shell(
            #"touch r && chmod 600 r && "$authcheck" "$uri" --output r; echo $?; stat -c %a r; head -c 6 r"#)
        #expect(result.stdout == "11\n600\nFAILED", "\(result)")
    }

    /// A symbolic link is replaced, and its target is unchanged.
    @Test func linksAreReplaced() async throws {
        let result = try await shell(
            #"echo mine >other && ln -s other r && "$authcheck" "$uri" --output r; stat -c %F r; cat other"#)
        #expect(result.stdout == "regular file\nmine\n", "\(result)")
    }

    /// The link to an open file is shared: its target gets the report.
    @Test func anOpenFileByItsNumber() async throws {
        let result = try await shell(
            #""$authcheck" "$uri" --output /dev/fd/3 3>r; echo $?; head -c 6 r; "$authcheck" "$uri" --output /proc/self/fd/1 | head -c 6"#
        )
        #expect(result.stdout == "11\nFAILEDFAILED", "\(result)")
    }

    /// Whatever names somebody has guessed.
    @Test func aLinkThatWaitsIsNotWrittenThrough() async throws {
        let result = try await shell(
            #"""
            echo mine >other
            python3 -c '
            import os, subprocess, sys
            child = os.fork()
            if child == 0:
                for pid in range(os.getpid() - 5, os.getpid() + 50): os.symlink("other", f"r.{pid}.new")
                os.execv(sys.argv[1], sys.argv[1:])
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            ' "$authcheck" "$uri" --output r; echo $?; cat other; head -c 6 r
            """#)
        #expect(result.stdout == "11\nmine\nFAILED", "\(result)")
    }

    @Test(arguments: ["check \"$uri\"", "explain \"$uri\"", "environment"])
    func aPipeThatNobodyReads(_ command: String) async throws {
        let result = try await shell("mkfifo r; \"$authcheck\" \(command) --output r")
        #expect(result.status == 74 && result.stderr.contains("could not be written to r"), "\(result)")
    }

    /// An old report must not be taken for a new one.
    @Test(arguments: ["--uri-file /nonexistent", "--nosuch \"$uri\"", "--uri-file p --timeout 300ms"])
    func everyEndIsWritten(_ arguments: String) async throws {
        let result = try await shell(
            "mkfifo p; echo old >r; \"$authcheck\" \(arguments) --format json --output r >out; echo $?; cat out r")
        let status = arguments.contains("300ms") ? 40 : 64
        #expect(
            result.stdout.hasPrefix("\(status)\n{") && result.stdout.contains("\"exitStatus\" : \(status)"), "\(result)"
        )
        #expect(!result.stdout.contains("old"), "\(result)")
    }

    @Test(arguments: [
        ("\"$uri\"", 2), ("--uri-file /nonexistent", 3), ("--uri-file p --timeout 300ms", 2),
        ("\"$uri\" --output /dev/full", 3),
        ("mongodb://", 3),
    ])
    func monitoringPluginsHaveFourStatuses(arguments: String, status: Int32) async throws {
        let result = try await shell("mkfifo p; \"$authcheck\" \(arguments) --format nagios")
        #expect(result.status == status, "\(result)")
        if !arguments.contains("full") { #expect(result.stdout.hasPrefix("AUTHCHECK "), "\(result)") }
    }

    /// The text format forbids two samples with the same name and labels.
    @Test func noSampleTwice() async throws {
        let result = try await shell(
            #""$authcheck" "$uri" "$uri" mongodb:// mongodb:// 'mongodb://a:b@127.0.0.1:1,127.0.0.1:1/' --format prometheus"#
        )
        let samples = result.stdout.split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { $0.prefix(upTo: $0.lastIndex(of: " ") ?? $0.endIndex) }
        #expect(samples.count > 20 && Set(samples).count == samples.count, "\(result)")
    }

    /// A password that is read from a pipe is there once only.
    @Test func aPasswordIsReadOnce() async throws {
        let result = try await shell(
            #"""
            mkfifo p; (printf 'pw\n' >p) &
            timeout --signal=INT 20 "$authcheck" 'mongodb://ann@127.0.0.1:1/?authMechanism=SCRAM-SHA-256' \
                --password-file p --timeout 10s --watch 10ms --format jsonl | head -n 5
            """#)
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.count == 5 && lines.allSatisfy { $0.contains(#""exitStatus":11"#) }, "\(result)")
    }

    /// One string that conflicts with the options does not affect the others.
    @Test func oneBadString() async throws {
        let result = try await shell(
            #"""
            printf '%s\n' 'mongodb://ann%40R@127.0.0.1:1/?authMechanism=GSSAPI' 'mongodb://a:b@127.0.0.1:1/?authMechanism=PLAIN' |
                "$authcheck" --uri-file - --ccache FILE:/nonexistent --format jsonl
            """#)
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.count == 2 && result.status == 11, "\(result)")
        #expect(lines.last?.contains(#""exitStatus":64"#) == true, "\(result)")
    }

    /// A text that is not a connection string may be a password.
    @Test func aWordIsNotRepeated() async throws {
        for format in ["text", "json"] {
            let result = try await shell(
                #"printf 'hunter2\nother.word\n' >f; "$authcheck" - <f --format \#(format); "$authcheck" --uri-file f --format \#(format); "$authcheck" explain - <f --format \#(format)"#
            )
            #expect(!result.description.contains("hunter2") && !result.description.contains("other.word"), "\(result)")
        }
        let named = try await shell(#""$authcheck" db.example.com"#)
        #expect(named.stdout.contains("authcheck 'mongodb://USER%40REALM@db.example.com/"), "\(named)")
    }

    /// A file that an editor has put a mark in front of.
    @Test func aByteOrderMark() async throws {
        let result = try await shell(#"printf '\357\273\277%s\n' "$uri" >f; "$authcheck" --uri-file f --format json"#)
        #expect(result.status == 11, "\(result)")
    }
}
