import Foundation
import Glibc
import KerberosTestKit
import ModuleTestSupport
import NIOCore
import NIOPosix
import SaslBSON
import SaslWire
import TestSupport
import Testing

@testable import MongoTestServer

/// The server on real sockets, as far as no Kerberos is needed.
@Suite struct WireTests {
    private static let ping: BSONDocument = ["ping": 1, "$db": "admin"]

    /// A server without a keytab: it refuses every token.
    private func withServer(
        _ configuration: MongoTestServer.Configuration = .init(),
        _ body: (MongoTestServer) async throws -> Void
    ) async throws {
        let server = try await MongoTestServer.start(configuration)
        do {
            try await body(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test("Both families answer on one port", arguments: ["127.0.0.1", "::1"])
    func families(host: String) async throws {
        try await withServer { server in
            #expect(Set(server.addresses.map(\.port)).count == 1 && server.port != 0)
            let reply = try await WireClient.connect(host: host, port: server.port) { client in
                try await client.run(Self.ping, requestID: 77)
            }
            #expect(reply == ["ok": 1.0])
        }
    }

    @Test("The oldest handshake is answered with OP_REPLY")
    func opQuery() async throws {
        try await withServer { server in
            try await WireClient.connect(host: "127.0.0.1", port: server.port) { client in
                let query = WireOpQuery(fullCollectionName: "admin.$cmd", query: ["isMaster": 1, "helloOk": true])
                try await client.send(.query(query), requestID: 9)
                let frame = try #require(try await client.receive())
                #expect(frame.header.responseTo == 9)
                guard case .reply(let reply) = frame.message else {
                    Issue.record("\(frame)")
                    return
                }
                #expect(reply.documents.first?["ismaster"] == true && reply.documents.first?["helloOk"] == true)
            }
        }
    }

    @Test("Messages may come byte by byte, many at once, with a checksum, or want no reply")
    func framing() async throws {
        try await withServer { server in
            try await WireClient.connect(host: "::1", port: server.port) { client in
                var message = try WireMessage.message(WireOpMessage(body: Self.ping)).encoded(requestID: 1)
                while let byte = message.readSlice(length: 1) { try await client.send(byte) }
                #expect(try await client.receive()?.header.responseTo == 1)

                var many = ByteBuffer()
                try WireMessage.message(WireOpMessage(body: Self.ping, flags: .checksumPresent))
                    .encode(into: &many, requestID: 2)
                try WireMessage.message(WireOpMessage(body: Self.ping, flags: .moreToCome)).encode(
                    into: &many, requestID: 3)
                try WireMessage.message(WireOpMessage(body: Self.ping)).encode(into: &many, requestID: 4)
                try await client.send(many)
                #expect(try await client.receive()?.header.responseTo == 2)
                #expect(try await client.receive()?.header.responseTo == 4)
            }
        }
    }

    @Test(
        "What is no message closes the connection, and no other one",
        arguments: [
            [UInt8](repeating: 0, count: 16), Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0xFF, 0xFF, 0xFF, 0x7F] + [UInt8](repeating: 0, count: 12),
            [0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 12),
            // OP_MSG whose body is cut, OP_REPLY, and an operation that does not exist.
            [21, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xDD, 7, 0, 0, 0, 0, 0, 0, 0],
            [36, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 20),
            [16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0],
        ])
    func garbage(bytes: [UInt8]) async throws {
        try await withServer { server in
            try await WireClient.connect(host: "127.0.0.1", port: server.port) { good in
                _ = try await good.run(Self.ping)
                try await WireClient.connect(host: "127.0.0.1", port: server.port) { bad in
                    try await bad.send(ByteBuffer(bytes: bytes))
                    #expect(try await bad.receive() == nil)
                }
                #expect(try await good.run(Self.ping) == ["ok": 1.0])
            }
        }
    }

    @Test("A token that is none is refused after the delay, and counted")
    func refusal() async throws {
        let delay = Duration.milliseconds(150)
        try await withServer(MongoTestServer.Configuration(authenticationFailureDelay: delay)) { server in
            try await WireClient.connect(host: "127.0.0.1", port: server.port) { client in
                for attempt in 1...2 {
                    let start = ContinuousClock.now
                    let reply = try await client.run([
                        "saslStart": 1, "mechanism": "GSSAPI", "payload": .binary(BSONBinary(bytes: [1, 2, 3])),
                        "$db": "$external",
                    ])
                    #expect(reply["code"] == 18 && reply["errmsg"] == "Authentication failed.")
                    #expect(ContinuousClock.now - start >= delay)
                    #expect(server.statistics.failed == attempt)
                }
                #expect(server.statistics.succeeded == 0 && server.statistics.connections == 1)
            }
        }
    }

    @Test("Stopping closes open connections and frees the port")
    func stops() async throws {
        let server = try await MongoTestServer.start(MongoTestServer.Configuration())
        try await WireClient.connect(host: "127.0.0.1", port: server.port) { client in
            _ = try await client.run(Self.ping)
            await server.stop()
            #expect(try await client.receive() == nil)
        }
        await server.stop()
        // The same port can be had again at once.
        try await withServer(MongoTestServer.Configuration(addresses: server.addresses)) { second in
            #expect(second.addresses == server.addresses)
        }
    }

    @Test("Stopping while clients connect closes every connection", arguments: 1...40)
    func stopsWhileClientsConnect(round: Int) async throws {
        // An address of its own: no other test's server can get the port while these clients still try it.
        let host = "127.0.1.\(round)"
        let server = try await MongoTestServer.start(.init(addresses: [.init(host: host, port: 0)]))
        let address = try SocketAddress(ipAddress: host, port: server.port)
        let (connections, made) = AsyncStream.makeStream(of: (any Channel).self)
        let clients = (0..<6).map { _ in
            Task {
                // Until the port refuses; a connection that is made counts, whatever becomes of it.
                while let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(to: address).get()
                {
                    made.yield(channel)
                }
            }
        }
        var iterator = connections.makeAsyncIterator()
        var seen: [any Channel] = []
        for _ in 0..<round { if let channel = await iterator.next() { seen.append(channel) } }
        #expect(descriptors(boundTo: address) > 0)
        await server.stop()
        for client in clients { await client.value }
        made.finish()
        while let channel = await iterator.next() { seen.append(channel) }
        // The server closed all of its sockets, as no client does. Its own descriptors are counted, not what a client sees:
        // of a connection that was made while the port was closed the system can keep the client's half and say nothing.
        #expect(await becomesTrue { descriptors(boundTo: address) == 0 })
        #expect(seen.count >= round)
        for channel in seen { try? await channel.close() }
    }

    /// How many descriptors of this process are sockets of the server at an IPv4 address: it listens, or accepted them there.
    private func descriptors(boundTo address: SocketAddress) -> Int {
        guard case .v4(let expected) = address,
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap(
                Int32.init)
        else { return -1 }
        return descriptors.count { descriptor in
            var own = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutableBytes(of: &own) {
                getsockname(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
            }
            return result == 0 && own.sin_family == sa_family_t(AF_INET)
                && own.sin_addr.s_addr == expected.address.sin_addr.s_addr
                && own.sin_port == expected.address.sin_port
        }
    }

    @Test("Many connections at once are served")
    func manyConnections() async throws {
        try await withServer { server in
            try await withThrowingTaskGroup(of: BSONDocument.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        try await WireClient.connect(
                            host: number.isMultiple(of: 2) ? "127.0.0.1" : "::1", port: server.port
                        ) { try await $0.run(Self.ping) }
                    }
                }
                for try await reply in group { #expect(reply == ["ok": 1.0]) }
            }
            #expect(server.statistics.connections == 200)
        }
    }

    @Test("A configuration that cannot work is refused")
    func refusedConfigurations() async throws {
        func code(_ configuration: MongoTestServer.Configuration) async -> MongoTestServerError.Code? {
            await #expect(throws: MongoTestServerError.self) { try await MongoTestServer.start(configuration) }?.code
        }
        #expect(await code(.init(addresses: [])) == .invalidConfiguration)
        #expect(await code(.init(addresses: [.init(host: "localhost", port: 0)])) == .invalidConfiguration)
        #expect(await code(.init(addresses: [.init(host: "127.0.0.1", port: 65536)])) == .invalidConfiguration)
        #expect(await code(.init(serviceHost: "")) == .invalidConfiguration)
        #expect(await code(.init(keytab: "/nonexistent/keytab")) == .invalidConfiguration)
        // The other tests of this process start servers without a keytab, and one process has one for all.
        try await withServer { _ in
            #expect(await code(.init(keytab: #filePath)) == .invalidConfiguration)
        }
        try await withServer { server in
            #expect(await code(.init(addresses: server.addresses)) == .listen)
        }
    }

    @Test(
        "Names are compared as bytes, and a name without a realm gets the default one",
        arguments: [("", nil), ("ann@EXAMPLE.TEST", "ann@EXAMPLE.TEST"), ("a/b@R", "a/b@R")])
    func fullPrincipal(name: String, expected: String?) {
        #expect(ProxyPolicy.fullPrincipal(name) == expected)
        if let expected {
            #expect(ProxyPolicy.allows(expected, authenticated: name))
            #expect(!ProxyPolicy.allows("", authenticated: name))
            #expect(!ProxyPolicy.allows(expected.lowercased() + "x", authenticated: name))
        }
    }
}
