import Foundation
import NIOCore
import NIOEmbedded
import SaslBSON
import SaslWire
import TestSupport
import Testing

@testable import MongoTestServer

/// The limits of clients: silence, slowness, number, buffered data.
@Suite struct ClientLimitTests {
    private static let ping = WireMessage.message(WireOpMessage(body: ["ping": 1, "$db": "admin"]))
    private static let hello = WireMessage.message(WireOpMessage(body: ["hello": 1, "$db": "admin"]))

    private static var configuration: MongoTestServer.Configuration {
        .init(idleTimeout: .seconds(60), messageTimeout: .seconds(30))
    }

    /// A connection whose clock a test moves.
    private struct Connection {
        let channel = EmbeddedChannel()
        let watch: ClientWatch

        init(_ kept: KeptMessages = KeptMessages(limit: 1 << 20)) throws {
            watch = ClientWatch(configuration, kept)
            try channel.pipeline.syncOperations.addHandlers(
                ByteToMessageHandler(WatchedDecoder(limits: .beforeAuthentication, watch: watch)), watch)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        }

        func pass(_ seconds: Int64) -> Bool {
            channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
            return channel.isActive
        }

        /// Answers the message before.
        func answer() throws { try channel.writeOutbound(ByteBuffer(string: "answer")) }
    }

    @Test func aSilentClientIsWaitedForUntilTheIdleTimeout() throws {
        let connection = try Connection()
        #expect(connection.pass(59))
        try connection.channel.writeInbound(Self.ping.encoded(requestID: 1))
        // The server's turn, for as long as it takes.
        #expect(connection.pass(1000))
        try connection.answer()
        #expect(connection.pass(59))
        #expect(!connection.pass(1))
    }

    @Test func anAuthenticatedClientMayBeSilent() throws {
        let connection = try Connection()
        try connection.channel.triggerUserOutboundEvent(ClientWatch.Event.authenticated).wait()
        #expect(connection.pass(100_000))
        // But not within a message.
        try connection.channel.writeInbound(ByteBuffer(bytes: [1]))
        #expect(!connection.pass(30))
    }

    @Test func aMessageMustComeToItsEnd() throws {
        let connection = try Connection()
        var message = try Self.ping.encoded(requestID: 1)
        for _ in 0..<29 {
            try connection.channel.writeInbound(message.readSlice(length: 1))
            #expect(connection.pass(1))
        }
        try connection.channel.writeInbound(message.readSlice(length: 1))
        #expect(!connection.pass(1))
    }

    @Test func aMessageThatWantsNoReplyIsAnsweredToo() throws {
        let connection = try Connection()
        try connection.channel.writeInbound(Self.ping.encoded(requestID: 1))
        try connection.channel.triggerUserOutboundEvent(ClientWatch.Event.answered).wait()
        #expect(connection.pass(59))
        #expect(!connection.pass(1))
    }

    @Test func whatAllKeepTogetherIsBounded() throws {
        let kept = KeptMessages(limit: 100)
        let connections = try (0..<3).map { _ in try Connection(kept) }
        let half = { () throws -> ByteBuffer in
            let message = try Self.ping.encoded(requestID: 1)
            return try #require(message.getSlice(at: message.readerIndex, length: 40))
        }
        // The one that is closed has been cut within a message.
        for connection in connections { _ = try? connection.channel.writeInbound(half()) }
        #expect(connections.map(\.channel.isActive) == [true, true, false])
        // What is closed or answered is kept no more; what is complete is.
        _ = try? connections[0].channel.finish()
        var rest = try Self.ping.encoded(requestID: 1)
        rest.moveReaderIndex(forwardBy: 40)
        try connections[1].channel.writeInbound(rest)
        let others = try (0..<2).map { _ in try Connection(kept) }
        for connection in others { _ = try? connection.channel.writeInbound(half()) }
        #expect(others.map(\.channel.isActive) == [true, false])
        _ = try? others[0].channel.finish()
        try connections[1].answer()
        for _ in 0..<2 {
            let next = try Connection(kept)
            try next.channel.writeInbound(half())
            #expect(next.channel.isActive)
        }
    }

    // MARK: - On real sockets

    @Test func aSilentClientIsClosed() async throws {
        let server = try await MongoTestServer.start(.init(idleTimeout: .milliseconds(100)))
        try await WireClient.connect(host: "127.0.0.1", port: server.port) { client in
            let frame = try await client.receive()
            #expect(frame == nil)
        }
        await server.stop()
    }

    /// Runs a client in Python, which has `connect()`, `hello` and `server`, against a server with arguments.
    private static func client(_ arguments: [String], _ script: String) async throws -> Child.Result {
        let beginning = #"""
            import json, os, resource, socket, subprocess, sys, time
            resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))
            server = subprocess.Popen(
                [sys.argv[1], "--listen", "127.0.0.1:0", "--exit-with-parent", "--keytab", "/dev/null"] + sys.argv[3:],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            port = json.loads(server.stdout.readline())["listening"][0]["port"]
            hello = bytes.fromhex(sys.argv[2])
            def connect(): return socket.create_connection(("127.0.0.1", port), timeout=30)

            """#
        let ending = #"""

            server.stdin.close()
            print("status", server.wait())
            """#
        let hexadecimal = try hello.encoded(requestID: 1).readableBytesView.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return try await Child.run(
            BuiltExecutable.system("python3", package: "python3"),
            [
                "-c", beginning + script + ending, BuiltExecutable.url(named: "mongo-test-server").path,
                hexadecimal.joined(),
            ] + arguments)
    }

    /// A client that asks and asks, and reads nothing.
    @Test func aClientThatReadsNothingIsClosed() async throws {
        let result = try await Self.client(
            ["--message-timeout", "0.3"],
            #"""
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            try:
                while True: client.sendall(hello * 100)
            except ConnectionError: print("closed")
            """#)
        #expect(result.stdout == "closed\nstatus 0\n", "\(result)")
    }

    @Test func connectionsBeyondTheLimitWaitForTheirTurn() async throws {
        let server = try await MongoTestServer.start(
            .init(addresses: [.init(host: "127.0.0.1", port: 0)], maximumConnections: 1))
        let ping: BSONDocument = ["ping": 1, "$db": "admin"]
        let waiting = try await WireClient.connect(host: "127.0.0.1", port: server.port) { client in
            _ = try await client.run(ping)
            let waiting = Task { [port = server.port] in
                try await WireClient.connect(host: "127.0.0.1", port: port) { try await $0.run(ping) }
            }
            for _ in 0..<20 { _ = try await client.run(ping) }
            #expect(server.statistics.connections == 1)
            return waiting
        }
        #expect(try await waiting.value == ["ok": 1.0])
        await server.stop()
    }

    /// With more clients than descriptors it waits for some to go, without work; then it serves the next.
    @Test func outOfDescriptorsItServesOnAndDoesNotSpin() async throws {
        let result = try await Self.client(
            [],
            #"""
            clients = [connect() for _ in range(60)]
            for client in clients[:26]:
                client.sendall(hello)
                assert client.recv(1000)
            def work():
                fields = open(f"/proc/{server.pid}/stat").read().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            before = work()
            time.sleep(1)
            print("work", work() - before)
            for client in clients[:40]: client.close()
            clients[-1].sendall(hello)
            print("answered", len(clients[-1].recv(1000)) > 0)
            """#)
        let words = result.stdout.split(whereSeparator: \.isWhitespace).map(String.init)
        try #require(words.count == 6, "\(result)")
        // A loop that spins takes all of a second.
        #expect(Double(words[1]).map { $0 < 0.5 } == true, "\(result)")
        #expect(words[3] == "True" && words[5] == "0", "\(result)")
    }
}
