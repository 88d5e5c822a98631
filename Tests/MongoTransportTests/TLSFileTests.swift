import Dispatch
import ModuleTestSupport
import NIOPosix
import SecretMemory
import TestSupport
import Testing

@testable import MongoTransport

/// Files of the user that cannot be used: the error names them, and no server is asked.
@Suite struct TLSFileTests {
    struct File: Sendable, CustomTestStringConvertible {
        var testDescription: String { "\(name), \(password ?? "no password")" }
        var name: String
        var password: String?
        var failure: TLSFailure
        var says: String
    }

    private static func failure(_ set: (inout TLSOptions, TestAuthority) -> Void) async throws -> TransportError? {
        let server = try await TestServer.start()
        var options = TLSOptions()
        set(&options, try await TestAuthority.shared)
        let chosen = options
        let error = await #expect(throws: TransportError.self) {
            try await WireConnection.connect(
                to: .host("127.0.0.1", port: server.port),
                connector: Connector(resolver: ScriptedResolver(), group: MultiThreadedEventLoopGroup.singleton),
                tls: chosen, by: farAway)
        }
        #expect(server.accepted == 0)
        #expect(error?.code == .tls)
        #expect(error?.phase == .tls)
        return error
    }

    @Test(arguments: [
        File(name: "missing.pem", failure: .authoritiesFile, says: "No such file"),
        File(name: "folder.pem", failure: .authoritiesFile, says: "not a regular file"),
        File(name: "empty.pem", failure: .authoritiesFile, says: "is empty"),
        File(name: "garbage.pem", failure: .authoritiesFile, says: "no certificates"),
        File(name: "damaged.pem", failure: .authoritiesFile, says: "damaged"),
        File(name: "ca.key", failure: .authoritiesFile, says: "no certificates"),
    ])
    func authorities(_ file: File) async throws {
        let error = try await Self.failure { $0.authoritiesFile = $1.path(file.name) }
        #expect(error?.tlsFailure == file.failure)
        #expect(error?.message.contains(file.name) == true)
        #expect(error?.message.contains(file.says) == true, "\(error?.message ?? "")")
    }

    private static let password = TestAuthority.password

    @Test(arguments: [
        File(name: "missing.pem", failure: .certificateKeyFile, says: "No such file"),
        File(name: "folder.pem", failure: .certificateKeyFile, says: "not a regular file"),
        File(name: "empty.pem", failure: .certificateKeyFile, says: "is empty"),
        File(name: "garbage.pem", failure: .certificateKeyFile, says: "no certificate"),
        File(name: "client.crt", failure: .certificateKeyFile, says: "no private key"),
        File(name: "client.key", failure: .certificateKeyFile, says: "no certificate"),
        File(name: "mismatch.pem", failure: .certificateKeyFile, says: "does not belong"),
        File(name: "client-encrypted.pem", failure: .certificateKeyPassword, says: "no password is given"),
        File(name: "client-encrypted-old.pem", failure: .certificateKeyPassword, says: "no password is given"),
        File(
            name: "client-encrypted.pem", password: "open", failure: .certificateKeyPassword, says: "does not decrypt"),
        File(
            name: "client-encrypted-old.pem", password: "open", failure: .certificateKeyPassword,
            says: "does not decrypt"),
        File(name: "client-encrypted.pem", password: "", failure: .certificateKeyPassword, says: "does not decrypt"),
        File(
            name: "client-encrypted.pem", password: "pässword", failure: .certificateKeyPassword, says: "ASCII"),
        File(
            name: "client-encrypted.pem", password: String(repeating: "x", count: 5000),
            failure: .certificateKeyPassword, says: "does not decrypt"),
    ])
    func certificatesAndKeys(_ file: File) async throws {
        let error = try await Self.failure {
            $0.certificateKeyFile = $1.path(file.name)
            $0.certificateKeyPassword = file.password.map { Secret($0) }
        }
        #expect(error?.tlsFailure == file.failure)
        #expect(error?.message.contains(file.name) == true)
        #expect(error?.message.contains(file.says) == true, "\(error?.message ?? "")")
        if let password = file.password, !password.isEmpty {
            #expect(error.map { "\($0)" }?.contains(password) == false)
        }
    }

    /// A file system that does not answer: neither the deadline nor a cancellation waits for it.
    @Test func filesThatHangHoldUpNobody() async throws {
        let gate = DispatchSemaphore(value: 0)
        let cache = TLSContextCache { options in
            gate.wait()
            return try TLSContext(options)
        }
        let error = await #expect(throws: TransportError.self) {
            try await cache.context(for: TLSOptions(), by: .now + .milliseconds(20))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.phase == .tls)
        let task = Task { try await cache.context(for: TLSOptions(), by: farAway) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        gate.signal()
    }

    @Test func theDeadlineOfAConnectCountsForItsFiles() async throws {
        let server = try await TestServer.start()
        let error = await #expect(throws: TransportError.self) {
            try await WireConnection.connect(
                to: .host("127.0.0.1", port: server.port),
                connector: Connector(resolver: ScriptedResolver(), group: MultiThreadedEventLoopGroup.singleton),
                tls: TLSOptions(), by: .now - .seconds(1))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.phase == .tls)
        #expect(server.accepted == 0)
    }

    @Test func optionsDoNotShowThePassword() {
        var options = TLSOptions()
        options.certificateKeyFile = "/etc/client.pem"
        options.certificateKeyPassword = Secret("sesame")
        var dumped = ""
        dump(options, to: &dumped)
        #expect("\(options)".contains("/etc/client.pem"))
        for text in ["\(options)", dumped] {
            #expect(!text.contains("sesame") && !text.contains("115"), "\(text)")
        }
    }
}
