import Foundation
import TestSupport
import Testing

/// `^C` during a wait.
@Suite struct InterruptTests {
    /// Starts a silent listener, runs `authcheck` with it, interrupts it when a condition holds, and prints the
    /// exit status and what it wrote.
    private func interrupt(
        _ arguments: [String], times: Int = 1, when condition: String
    ) async throws -> Child.Result {
        let script = """
            import signal, socket, subprocess, sys
            silent = socket.create_server(("127.0.0.1", 0))
            uri = f"mongodb://ann:pw@127.0.0.1:{silent.getsockname()[1]}/?authMechanism=SCRAM-SHA-256"
            program, *arguments = sys.argv[1:]
            child = subprocess.Popen([program, *(a.replace("URI", uri) for a in arguments)],
                                     stdout=subprocess.PIPE, text=True)
            lines = ""
            \(condition)
            for _ in range(\(times)): child.send_signal(signal.SIGINT)
            print(lines + child.communicate(timeout=60)[0])
            sys.exit(child.returncode % 256)
            """
        return try await Child.run(
            URL(fileURLWithPath: "/usr/bin/python3"),
            ["-c", script, try BuiltExecutable.url(named: "authcheck").path] + arguments)
    }

    @Test(arguments: ["text", "json"])
    func theReportSoFarIsPrinted(format: String) async throws {
        // The hello may arrive before the connection is noted as established.
        let result = try await interrupt(
            ["URI", "--timeout", "60s", "--format", format], when: "client = silent.accept()[0]; client.recv(1)")
        #expect(result.status == 130, "\(result)")
        if format == "json" {
            let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
            #expect(report.exitStatus == 130 && ["tcp", "hello"].contains(report.failure?.phase), "\(result)")
            #expect(report.hosts.first?.phases.contains { $0.name == "dns" && $0.result == "ok" } == true, "\(result)")
        } else {
            #expect(result.stdout.hasPrefix("INTERRUPTED in phase "), "\(result)")
            #expect(result.stdout.contains(", exit status 130\n"), "\(result)")
        }
    }

    /// timeout(1) signals its child and then the group of both; that is no second interrupt.
    @Test func signalsAtOnceAreOneInterrupt() async throws {
        for _ in 0..<10 {
            let result = try await interrupt(
                ["URI", "--timeout", "60s"], times: 5, when: "client = silent.accept()[0]; client.recv(1)")
            #expect(result.status == 130 && result.stdout.hasPrefix("INTERRUPTED in phase "), "\(result)")
        }
    }

    /// From the moment at which it is handled.
    @Test func theFirstInstantCounts() async throws {
        for _ in 0..<10 {
            let result = try await interrupt(
                ["URI", "--timeout", "60s", "--format", "json"],
                when: """
                    while True:
                        caught = [l for l in open(f"/proc/{child.pid}/status") if l.startswith("SigCgt")]
                        if caught and int(caught[0].split()[1], 16) & 2: break
                    """)
            #expect(result.status == 130, "\(result)")
            // Before anything has begun there may be nothing to report on but that.
            #expect(result.stdout.contains(#""exitStatus" : 130"#), "\(result)")
        }
    }

    @Test func severalStringsHaveAReportToo() async throws {
        let result = try await interrupt(
            ["URI", "URI", "--timeout", "60s", "--format", "json"],
            when: "both = [silent.accept()[0] for _ in range(2)]; [c.recv(1) for c in both]")
        #expect(result.status == 130 && result.stdout.contains("authcheck.batch/1"), "\(result)")
    }

    /// More rounds than a single check's deadline lasts.
    @Test func watchingEndsByAnInterrupt() async throws {
        let result = try await interrupt(
            [
                "mongodb://ann:pw@127.0.0.1:1/?authMechanism=SCRAM-SHA-256", "--format", "jsonl", "--timeout", "2s",
                "--watch", "300ms",
            ],
            when: "lines = ''.join(child.stdout.readline() for _ in range(12))")
        #expect(result.status == 130, "\(result)")
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.count >= 12 && lines.allSatisfy { $0.contains(#""exitStatus":11"#) }, "\(result)")
    }
}
