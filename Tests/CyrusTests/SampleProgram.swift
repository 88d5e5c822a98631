import Foundation
import Glibc
import SASL
import Subprocess
import SystemPackage
import TestSupport

/// `sasl-sample-client` or `sasl-sample-server` of Cyrus SASL. They say each message as a line, `C: ` or `S: ` and Base64, and
/// take the other side's from their input; once they agree each sends one message through the layer.
struct SampleProgram: ~Copyable {
    enum Role: String {
        case client = "sasl-sample-client"
        case server = "sasl-sample-server"

        /// What stands before its own messages.
        var sign: String { self == .client ? "C: " : "S: " }
        var peerSign: String { self == .client ? "S: " : "C: " }
        /// What it says through the layer, and what it wants to hear; with the octet that ends a string in C.
        var message: [UInt8] { Array("\(self == .client ? "client" : "srv") message 1\0".utf8) }
        var peerMessage: [UInt8] { Array("\(self == .client ? "srv" : "client") message 1\0".utf8) }
    }

    let role: Role
    private var lines: AsyncStream<String>.Iterator
    /// A socket, as writing into a pipe that nobody reads raises SIGPIPE.
    private let input: FileDescriptor
    private let life: Task<Child.Result, any Error>

    init(_ role: Role, _ arguments: [String], environment: [String: String]) throws {
        self.role = role
        let program = try BuiltExecutable.system(role.rawValue, package: "sasl2-bin")
        let words = ["-oL", program.path, "-s", "mongodb"] + arguments
        let stdbuf = try BuiltExecutable.system("stdbuf", package: "coreutils")
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw TestSupportError("no pair of sockets: \(errno)")
        }
        let theirs = FileDescriptor(rawValue: ends[1])
        input = FileDescriptor(rawValue: ends[0])
        let (lines, line) = AsyncStream.makeStream(of: String.self)
        self.lines = lines.makeAsyncIterator()
        var options = PlatformOptions()
        // Without a terminal it asks its input for the password.
        options.createSession = true
        life = Task { [options] in
            defer { line.finish() }
            let outcome = try await Subprocess.run(
                .path(FilePath(stdbuf.path)), arguments: Arguments(words),
                environment: Child.inherited(adding: environment), platformOptions: options,
                input: .fileDescriptor(theirs, closeAfterSpawningProcess: true), output: .sequence,
                error: .string(limit: 1 << 20)
            ) { execution in
                var output = ""
                for try await text in execution.standardOutput.strings() {
                    output += text
                    line.yield(text)
                }
                return output
            }
            return Child.Result(
                status: Child.status(outcome.terminationStatus), stdout: outcome.closureResult,
                stderr: outcome.standardError)
        }
    }

    deinit {
        try? input.close()
    }

    /// Its next message; `nil` where it has given up.
    mutating func receive() async -> [UInt8]? {
        while let line = await lines.next(isolation: nil) {
            // A message without bytes has no blank either.
            guard line.hasPrefix(role.sign.dropLast()) else { continue }
            return SaslBase64.decode(line.dropFirst(2).filter { !$0.isWhitespace }.utf8)
        }
        return nil
    }

    func send(_ message: [UInt8]) throws {
        try say(role.peerSign + SaslBase64.encode(message))
    }

    /// - Parameter line: A message, or what it asks for.
    func say(_ line: String) throws {
        let bytes = Array("\(line)\n".utf8)
        guard Glibc.send(input.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw TestSupportError("\(role.rawValue) takes nothing any more")
        }
    }

    /// Sends and takes the messages that go through the layer.
    mutating func exchangeMessages(through layer: any SaslSecurityLayer) async throws {
        var codec = SaslLayerCodec(layer)
        if role == .client { try send(try codec.encode(role.peerMessage)) }
        guard let message = await receive(), try codec.decode(message) == role.message else {
            throw TestSupportError("no message came through the layer, or another one")
        }
        if role == .server { try send(try codec.encode(role.peerMessage)) }
    }

    /// Ends its input, and waits for its end.
    consuming func end() async throws -> Child.Result {
        Glibc.shutdown(input.rawValue, Int32(SHUT_WR))
        return try await life.value
    }
}
