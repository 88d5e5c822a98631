import Foundation
import Glibc
import TestSupport
import Testing

/// Unusual standard streams, files and limits.
@Suite struct OutputTests {
    private static let uri = "mongodb://ann%40EXAMPLE.TEST@127.0.0.1:1/?authMechanism=GSSAPI"

    /// Runs a shell script; `$authcheck` is the program, `$uri` a string whose host refuses.
    private func shell(_ script: String, in folder: URL? = nil) async throws -> Child.Result {
        try await Child.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", script],
            environment: [
                "authcheck": BuiltExecutable.url(named: "authcheck").path, "uri": Self.uri,
                "folder": folder?.path ?? "/nonexistent",
            ])
    }

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    // MARK: - Output that is lost

    /// A lost report is a failure, whatever it says.
    @Test(arguments: ["check \"$uri\"", "explain \"$uri\"", "explain \"$uri\" --format json", "--help", "--version"])
    func outputThatIsLost(_ command: String) async throws {
        try await withFolder { folder in
            for redirection in [">/dev/full", ">&-"] {
                let result = try await shell("\"$authcheck\" \(command) \(redirection)")
                #expect(result.status == 74, "\(redirection): \(result)")
                #expect(result.stderr.contains("the report could not be written: "), "\(redirection): \(result)")
            }
            // ThreadSanitizer has files of its own.
            if isThreadSanitized { return }
            let limited = try await shell("ulimit -f 0; \"$authcheck\" \(command) >\"$folder/file\"", in: folder)
            #expect(limited.status == 74, "\(limited)")
        }
    }

    /// A pipe that somebody made non-blocking, and that is full.
    @Test func aFullPipeThatDoesNotBlock() async throws {
        let result = try await shell(
            #"""
            python3 -c '
            import os, subprocess, sys
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            try:
                while True: os.write(writing, bytes(4096))
            except BlockingIOError: pass
            sys.exit(subprocess.run(sys.argv[1:], stdout=writing).returncode)
            ' "$authcheck" explain "$uri"
            """#)
        #expect(result.status == 74, "\(result)")
    }

    /// A reader of only the first lines of a report ends the program as any other.
    @Test func aReaderThatLeaves() async throws {
        let result = try await shell(
            #"{ "$authcheck" "\#(Self.manyHosts)" --format json --timeout 60s; echo "status $?" >&2; } | true"#)
        #expect(result.stderr.contains("status 141"), "\(result)")
    }

    /// One who reads slowly gets all of it, long after the deadline.
    @Test(.enabled(if: !isThreadSanitized, "it would not come to its report in time"))
    func aReaderThatIsSlow() async throws {
        let result = try await shell(
            #"""
            { "$authcheck" "\#(Self.manyHosts)" --format json --timeout 5s; echo "status $?" >&2; } |
                python3 -c '
            import json, sys, time
            text = ""
            while piece := sys.stdin.read(20000):
                text += piece
                time.sleep(0.3)
            print(len(json.loads(text)["hosts"]))'
            """#)
        #expect(result.stdout == "200\n" && result.stderr.contains("status 11"), "\(result)")
    }

    /// More than a pipe holds.
    private static let manyHosts =
        "mongodb://ann:password@" + (1...200).map { "127.0.0.\($0):1" }.joined(separator: ",")
        + "/?authMechanism=PLAIN"

    /// Descriptors that are closed are not given to a connection.
    @Test func standardStreamsThatAreClosed() async throws {
        let result = try await shell(#""$authcheck" explain "$uri" <&- 2>&-"#)
        #expect(result.status == 0 && result.stdout.contains("127.0.0.1:1"), "\(result)")
        let failed = try await shell(#""$authcheck" check "$uri" --verbose <&- 2>&-"#)
        #expect(failed.status == 11 || failed.status == 20, "\(failed)")
    }

    // MARK: - Endless waits

    /// A named pipe instead of a file, silent standard input, a pipe without a reader.
    @Test(arguments: [
        (#""$authcheck" - --timeout 1s <>"$folder/pipe""#, 40),
        (#""$authcheck" "$uri&tlsCAFile=$folder/pipe" --timeout 60s"#, 12),
        (#""$authcheck" "$uri" --timeout 60s --ccache "FILE:$folder/pipe""#, 11),
    ])
    func whatNeverComes(command: String, status: Int32) async throws {
        try await withFolder { folder in
            let result = try await shell("mkfifo \"$folder/pipe\"; \(command)", in: folder)
            #expect(result.status == status, "\(result)")
        }
    }

    @Test func aPasswordThatNeverComesIsADeadline() async throws {
        try await withFolder { folder in
            for format in ["text", "json"] {
                let result = try await shell(
                    #"""
                    mkfifo "$folder/\#(format)"
                    "$authcheck" "$uri" --timeout 1s --format \#(format) --password-file "$folder/\#(format)"
                    """#, in: folder)
                #expect(result.status == 40, "\(result)")
                #expect(result.stdout.contains("did not finish"), "\(result)")
                #expect(result.stderr.contains("FAILED: deadline, exit status 40"), "\(result)")
            }
        }
    }

    @Test func aReportThatNobodyReadsEnds() async throws {
        let result = try await shell(
            #"""
            python3 -c '
            import os, subprocess, sys
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            try:
                while True: os.write(writing, bytes(4096))
            except BlockingIOError: pass
            os.set_blocking(writing, True)
            sys.exit(subprocess.run(sys.argv[1:], stdout=writing).returncode)
            ' "$authcheck" check "$uri" --timeout 1s
            """#)
        #expect(result.status == 40, "\(result)")
    }

    @Test func aTraceToANamedPipeIsRefused() async throws {
        try await withFolder { folder in
            let result = try await shell(
                #"mkfifo "$folder/pipe"; "$authcheck" "$uri" --trace "$folder/pipe""#, in: folder)
            #expect(result.status == 64 && result.stderr.contains("the trace cannot be written"), "\(result)")
        }
    }

    /// The library would wait for whoever reads, in the middle of a step.
    @Test func aTraceGoesIntoAFile() async throws {
        try await withFolder { folder in
            let result = try await shell(
                #"""
                mkfifo "$folder/pipe"
                exec 9<>"$folder/pipe"
                for place in "$folder/pipe" "$folder" /dev/full; do
                    "$authcheck" "$uri" --trace "$place"
                    echo "$?"
                done
                """#, in: folder)
            #expect(result.stdout.hasPrefix("64\n64\n"), "\(result)")
            #expect(result.stderr.contains("it is not a file or device"), "\(result)")
        }
    }

    /// What a file system says only at the end, as NFS does.
    @Test func anErrorOfClosing() async throws {
        try await withFolder { folder in
            let result = try await shell(
                #"""
                strace -f -qq -P "$folder/report" -e trace=close -e inject=close:error=ENOSPC \
                    "$authcheck" explain "$uri" >"$folder/report" 2>"$folder/error"
                echo "$?"
                grep -c 'could not be written: No space left' "$folder/error"
                """#, in: folder)
            #expect(result.stdout == "74\n1\n", "\(result)")
        }
    }

    /// SIGQUIT ends the program immediately, unless it was started with the signal ignored.
    @Test func theSignalThatQuits() async throws {
        let result = try await shell(
            #"""
            python3 -c '
            import os, signal, subprocess, sys, time
            for ignored in [False, True]:
                if ignored: signal.signal(signal.SIGQUIT, signal.SIG_IGN)
                child = subprocess.Popen([sys.argv[1], "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
                # SIGXFSZ is the last signal that it settles.
                def settled():
                    lines = open(f"/proc/{child.pid}/status").read().splitlines()
                    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
                    return mask >> (signal.SIGXFSZ - 1) & 1
                while not settled(): time.sleep(0.01)
                child.send_signal(signal.SIGQUIT)
                child.stdin.close()
                print(child.wait())' "$authcheck"
            """#)
        #expect(result.stdout == "-3\n64\n", "\(result)")
    }

    /// The first process of a container gets no signal but those that it handles.
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aSignalToTheFirstProcess(_ number: Int32) async throws {
        let result = try await shell(
            #"""
            python3 -c '
            import os, signal, subprocess, sys, time
            outer = subprocess.Popen(
                ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", sys.argv[1], "-"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            def child():
                found = open(f"/proc/{outer.pid}/task/{outer.pid}/children").read().split()
                return int(found[0]) if found else 0
            def settled():
                if not child(): return False
                lines = open(f"/proc/{child()}/status").read().splitlines()
                mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
                return "authcheck" in lines[0] and mask >> (signal.SIGXFSZ - 1) & 1
            while not settled(): time.sleep(0.01)
            os.kill(child(), int(sys.argv[2]))
            print(outer.wait())' "$authcheck" \#(number)
            """#)
        #expect(result.stdout == "\(128 + number)\n", "\(result)")
    }

    // MARK: - Bounds

    @Test func standardInputWithoutEnd() async throws {
        let result = try await shell(#""$authcheck" - </dev/zero"#)
        #expect(result.status == 64 && result.stderr.contains("is longer than 1048576 bytes"), "\(result)")
        let file = try await shell(#""$authcheck" "$uri" --password-file /dev/zero"#)
        #expect(file.status == 64 && file.stderr.contains("is longer than 65536 bytes"), "\(file)")
    }

    @Test func tooManyHosts() async throws {
        let many = "mongodb://ann@" + Array(repeating: "h", count: 1001).joined(separator: ",") + "/"
        let result = try await AuthCheck.run([many])
        #expect(result.status == 64 && result.stdout.contains("at most 1000 hosts; this one names 1001"), "\(result)")
    }

    /// More than are checked at a time: each is, and in the string's order.
    @Test func twoHundredHosts() async throws {
        let result = try await AuthCheck.run([Self.manyHosts, "--format", "json", "--timeout", "60s"])
        let outcome = try AuthCheck.read(result)
        #expect(outcome.status == 11, "\(outcome)")
        #expect(outcome.report.hosts.map(\.host) == (1...200).map { "127.0.0.\($0)" })
        #expect(outcome.report.hosts.allSatisfy { $0.phases.first { $0.name == "tcp" }?.result == "failed" })
    }

    /// The report of many hosts takes its time beyond the deadline, and is not given up for that.
    @Test(.enabled(if: !isThreadSanitized, "it would not come to its report in time"))
    func manyHostsThatAreSilent() async throws {
        let result = try await shell(
            #"""
            python3 -c '
            import socket, subprocess, sys
            listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
            hosts = ",".join(["127.0.0.1:%d" % listener.getsockname()[1]] * 400)
            sys.exit(subprocess.run([
                sys.argv[1], "mongodb://ann:password@" + hosts + "/?authMechanism=PLAIN", "--format", "json",
                "--timeout", "3s"]).returncode)
            ' "$authcheck"
            """#)
        let outcome = try AuthCheck.read(result)
        #expect(outcome.status == 40 && outcome.report.hosts.count == 400, "\(outcome.child.stderr)")
    }

    /// A combining mark behind the colon: what follows is a password nevertheless.
    @Test func aPasswordBehindACombiningMark() async throws {
        let result = try await shell(
            #"echo secret | "$authcheck" "mongodb://ann:%CC%81x$(printf 'Ì')@h/?authMechanism=PLAIN" --password-file -"#
        )
        #expect(result.status == 64 && result.stderr.contains("has a password already"), "\(result)")
        let marked = try await shell(
            #"echo secret | "$authcheck" "mongodb://ann:$(printf 'Ì')x@h/?authMechanism=PLAIN" --password-file -"#)
        #expect(marked.status == 64 && marked.stderr.contains("has a password already"), "\(marked)")
    }

    /// In a bare chroot: reported if it matters, and otherwise not needed.
    @Test(.enabled(if: !isSanitized, "a sanitizer's runtime needs /proc itself"))
    func aSystemWithoutItsFileSystems() async throws {
        func run(_ command: String, without path: String) async throws -> Child.Result {
            try await shell(
                #"""
                unshare --mount --map-root-user sh -c '
                    mount -t tmpfs none \#(path) || exit 9
                    "$authcheck" \#(command) "$uri" --format json <&-'
                """#)
        }
        let noProc = try await run("explain", without: "/proc")
        #expect(noProc.status == 64 && noProc.stderr.contains("mount /proc"), "\(noProc)")
        for (command, status) in [("explain", 0), ("check", 11)] as [(String, Int32)] {
            let noDev = try await run(command, without: "/dev")
            #expect(noDev.status == status && noDev.stdout.hasPrefix("{"), "\(noDev)")
        }
    }

    /// The quotation marks that are put around an argument are one character with marks at its ends.
    @Test(arguments: ["\u{301}mongodb://ann:hunter2@h/", "mongodb://ann:hunter2@h/\u{600}"])
    func anArgumentThatIsRepeatedHidesItsPassword(_ uri: String) async throws {
        for arguments in [
            ["mongodb://x", "--timeout", uri], ["mongodb://x", "--timeout=\(uri)"], ["mongodb://x", "--color", uri],
        ] {
            let result = try await AuthCheck.run(["check"] + arguments)
            #expect(result.status == 64 && result.stderr.contains("<redacted>"), "\(result)")
            #expect(!result.stderr.contains("hunter2"), "\(result)")
        }
    }

    @Test func tooFewDescriptors() async throws {
        let result = try await shell(#"ulimit -n 20; "$authcheck" "$uri""#)
        #expect(result.status == 64 && result.stderr.contains("RLIMIT_NOFILE"), "\(result)")
    }

    @Test func aNULInAName() async throws {
        for uri in [
            "mongodb://ann%00@h/?authMechanism=GSSAPI", "mongodb://ann:p%00@h/?authMechanism=PLAIN",
            "mongodb://h/?tlsCAFile=/tmp/a%00b",
            "mongodb://ann@h/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_HOST:a%00b",
        ] {
            let result = try await AuthCheck.run(["explain", uri])
            #expect(result.status == 64 && result.stdout.contains(" NUL character"), "\(result)")
        }
    }

    // MARK: - What is unsafe

    @Test(arguments: ["explain", "check"])
    func unsafeModesAreSaid(_ command: String) async throws {
        let secret = "mongodb://ann:secret@127.0.0.1:1/?authMechanism=PLAIN&tls=true&tlsInsecure=true"
        let result = try await AuthCheck.run([command, secret])
        for words in [
            "the arguments hold a password", "tlsInsecure is set: the server's identity is not verified",
            "gets the password from PLAIN",
        ] {
            #expect(result.stdout.contains(words), "\(words): \(result)")
        }
        let clear = try await AuthCheck.run([command, "mongodb://ann:secret@127.0.0.1:1/?authMechanism=PLAIN"])
        #expect(clear.stdout.contains("in clear text"), "\(clear)")
        // On standard input nobody else sees it.
        let input = try await shell("echo '\(secret)' | \"$authcheck\" \(command) -")
        #expect(!input.stdout.contains("the arguments hold"), "\(input)")
    }

    /// Characters that control a terminal are escaped, wherever they are.
    @Test func nothingSteersATerminal() async throws {
        let uri = "mongodb://an%C2%9Bn%E2%80%AE%7F@127.0.0.1:1/?authMechanism=GSSAPI"
        for arguments in [
            [uri, "--format", "json"], [uri, "--format", "\u{9B}"], ["explain", uri],
        ] {
            let result = try await AuthCheck.run(arguments)
            let text = result.stdout + result.stderr
            #expect(text.contains("9b"), "\(arguments): \(text)")
            #expect(
                text.unicodeScalars.allSatisfy { !"\u{9B}\u{202E}\u{7F}\u{1B}".unicodeScalars.contains($0) },
                "\(arguments)")
        }
    }
}
