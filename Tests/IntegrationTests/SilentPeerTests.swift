import BlockingWork
import Foundation
import KerberosCredentials
import KerberosTestKit
import ModuleTestSupport
import MongoAuth
import MongoConnect
import MongoTransport
import NIOConcurrencyHelpers
import NIOPosix
import SaslConnectionString
import TestSupport
import Testing

/// A peer that goes silent, seen from inside the process that waits for it: within 100 ms of its deadline, or of being
/// cancelled, it continues, and no descriptor is left.
///
/// The stages before the first command are in the tests of MongoTransport.
@Suite struct SilentPeerTests {
    private static let stages: [SilentStage] = [
        .hello, .kdc, .saslStart, .firstContinue, .lastContinue, .connectionStatus,
    ]

    /// In a process of its own, whose environment is the realm's and whose sockets no other test uses.
    @Test(arguments: stages)
    func theWaitIsOverAndNothingIsLeft(_ stage: SilentStage) async throws {
        let realm = try await SharedRealm.start(backend: .processes)
        let record = realm.realm.folder + "/commands"
        let server = try await ScriptedServer.start(stage.misbehaviour, in: realm, record: record)
        let peer = SilentPeer(
            stage: stage, environment: realm.realm.environment(cache: realm.annCache),
            uri: gssapiURI(realm.ann, Family.ipv4.authority(server.port)), port: UInt16(server.port), record: record,
            kdc: try #require(await realm.realm.processIdentifier))
        await #expect(processExitsWith: .success) { [peer = peer as SilentPeer] in
            for (name, value) in peer.environment { setenv(name, value, 1) }
            let client = Client(peer)
            if peer.stage == .kdc { kill(peer.kdc, SIGSTOP) }
            try await client.expectCancellationAtOnce()
            try await client.expectEndAtDeadline()
            if peer.stage == .kdc { kill(peer.kdc, SIGCONT) }
            // The C library returns when it has its answer. Before, the process must not end: the library's own end
            // would come between.
            #expect(await becomesTrue { client.busyThreads == 0 })
        }
        try await server.stop()
        await realm.realm.stop()
    }
}

/// What the client's process has to know.
private struct SilentPeer: Codable, Sendable {
    var stage: SilentStage
    var environment: [String: String]
    var uri: String
    var port: UInt16
    /// The file in which the peer notes the commands of the conversation.
    var record: String
    var kdc: Int32
}

/// The client, which waits for a silent peer.
private struct Client: Sendable {
    private let peer: SilentPeer
    private let files = BlockingWorkers()
    private let kdcs = BlockingWorkers()
    /// The phase that began last, of the attempt that runs.
    private let phase = NIOLockedValueBox("")

    init(_ peer: SilentPeer) {
        self.peer = peer
    }

    var busyThreads: Int {
        [files, kdcs].map { $0.statistics.active + $0.statistics.abandoned }.reduce(0, +)
    }

    func expectCancellationAtOnce() async throws {
        try await atBest(below: .milliseconds(100)) {
            let before = try commands
            let task = Task { try await run(by: .now + .seconds(600)) }
            #expect(try await becomesTrue { try isReached(since: before) })
            let start = ContinuousClock.now
            task.cancel()
            let result = await task.result
            let taken = ContinuousClock.now - start
            #expect(throws: CancellationError.self) { try result.get() }
            await expectNothingIsLeft()
            return taken
        }
    }

    func expectEndAtDeadline() async throws {
        var patience = Duration.milliseconds(250)
        try await atBest(below: .milliseconds(100)) {
            let before = try commands
            let deadline = ContinuousClock.now + patience
            let error = await #expect(throws: (any Error).self) { try await run(by: deadline) }
            let end = ContinuousClock.now
            #expect(end >= deadline)
            #expect(isDeadline(error), "\(String(describing: error))")
            await expectNothingIsLeft()
            guard try isReached(since: before) else {
                // A busy machine did not come that far.
                patience *= 2
                return .seconds(3600)
            }
            return end - deadline
        }
    }

    private func run(by deadline: ContinuousClock.Instant) async throws {
        phase.withLockedValue { $0 = "" }
        let connector = MongoConnector(
            group: MultiThreadedEventLoopGroup.singleton,
            kerberos: KerberosCredentialManager(files: files, kdcs: kdcs))
        let string = try MongoConnectionString(parsing: peer.uri)
        let trace = ConnectTrace { entry in
            if let begun = Self.phase(of: entry.event) { phase.withLockedValue { $0 = begun } }
        }
        let session = try await connector.connect(
            to: try #require(string.hosts.first), of: string, by: deadline, trace: trace)
        phase.withLockedValue { $0 = "identity" }
        do {
            _ = try await AuthenticatedIdentity.ask(session.connection, by: deadline)
        } catch {
            await session.connection.close()
            throw error
        }
        Issue.record("the peer was not silent")
    }

    /// The phase that an event begins.
    private static func phase(of event: ConnectTrace.Event) -> String? {
        switch event {
        case .authentication(.helloBegan): "hello"
        case .authentication(.ticketBegan): "kerberos"
        case .authentication(.saslBegan): "sasl"
        default: nil
        }
    }

    /// Whether the silence is what the client waits for: so far as the client can tell, and for commands of the
    /// conversation the peer.
    private func isReached(since before: Int) throws -> Bool {
        let phase = phase.withLockedValue { $0 }
        return try phase == peer.stage.phase && commands - before == peer.stage.saslCommands
    }

    /// How many commands of conversations the peer has noted.
    private var commands: Int {
        get throws {
            guard FileManager.default.fileExists(atPath: peer.record) else { return 0 }
            return try String(contentsOfFile: peer.record, encoding: .utf8).split(separator: "\n")
                .filter { $0.contains("\"kind\":\"sasl") }.count
        }
    }

    private func isDeadline(_ error: (any Error)?) -> Bool {
        switch error {
        case let error as TransportError: error.code == .deadlineExceeded
        case let error as MongoAuthError: error.code == .deadlineExceeded
        default: false
        }
    }

    private func expectNothingIsLeft() async {
        #expect(await becomesTrue { socketsToPeer == 0 })
    }

    private var socketsToPeer: Int {
        (0..<1024 as Range<Int32>).filter { descriptor in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
            }
            return status == 0 && address.sin_port == peer.port.bigEndian
        }.count
    }
}
