import Foundation
import TestSupport
import Testing

/// The line on a terminal during a wait.
@Suite struct LiveProgressTests {
    /// On a terminal of 40 columns; text that is too long is shortened before the elapsed time.
    @Test func howLongIsToldOnANarrowTerminal() async throws {
        let script = """
            import fcntl, os, pty, socket, struct, sys, termios
            silent = socket.create_server(("127.0.0.1", 0))
            port = silent.getsockname()[1]
            gate, opened = os.pipe()
            process, terminal = pty.fork()
            if process == 0:
                os.read(gate, 1)
                os.execv(sys.argv[1], [sys.argv[1], f"mongodb://ann:pw@127.0.0.1:{port}/?authMechanism=SCRAM-SHA-256",
                                       "--timeout", "3s"])
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
            os.write(opened, b"x")
            output = b""
            while True:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                output += data
            sys.stdout.buffer.write(output)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
            """
        let result = try await Child.run(
            BuiltExecutable.system("python3", package: "python3"),
            ["-c", script, try BuiltExecutable.url(named: "authcheck").path],
            environment: ["TERM": "xterm", "LANG": "C.UTF-8"])
        #expect(result.status == 40, "\(result)")
        let lines = result.stdout.components(separatedBy: "\r\u{1B}[K").dropFirst().dropLast()
        #expect(lines.contains { $0.contains("hello") && $0.hasSuffix(" 1 s") }, "\(result)")
        #expect(lines.allSatisfy { $0.utf8.count <= 39 }, "\(result)")
        // It disappears before the report.
        #expect(result.stdout.components(separatedBy: "\r\u{1B}[K").last?.hasPrefix("FAILED: ") == true, "\(result)")
    }
}
