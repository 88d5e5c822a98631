import SecretMemory
import Testing

@testable import MongoTransport

/// The negotiation of a SOCKS5 tunnel, byte by byte (RFC 1928, RFC 1929).
@Suite struct SOCKS5ClientTests {
    private typealias Client = SOCKS5Client

    private static let credential = SOCKS5Proxy.Credential(username: "ann", password: Secret("pw"))
    private static let opened: [UInt8] = [5, 0, 0, 1, 127, 0, 0, 1, 1, 187]

    /// What comes of bytes that arrive one by one: what was sent, and what came through the tunnel.
    private static func talk(
        _ client: inout Client, _ bytes: [UInt8]
    ) throws -> (sent: [[UInt8]], rest: [UInt8]?) {
        var (sent, rest): ([[UInt8]], [UInt8]?) = ([], nil)
        for byte in bytes {
            switch try client.receive([byte]) {
            case .wait: break
            case .send(let message): sent.append(message)
            case .open(let more): rest = more
            }
        }
        return (sent, rest)
    }

    @Test(
        arguments: [
            ("db.test", [3, 7] + Array("db.test".utf8)), ("192.0.2.1", [1, 192, 0, 2, 1]),
            ("::1", [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] as [(String, [UInt8])])
    func namesAreLeftToTheProxy(host: String, address: [UInt8]) throws {
        var client = Client(to: host, port: 27017, as: nil)
        #expect(client.greeting == [5, 1, 0])
        let (sent, rest) = try Self.talk(&client, [5, 0] + Self.opened)
        #expect(sent == [[5, 1, 0] + address + [0x69, 0x89]])
        #expect(rest == [])
    }

    @Test func aPasswordIsGivenWhereItIsAskedFor() throws {
        var client = Client(to: "db", port: 1, as: Self.credential)
        #expect(client.greeting == [5, 2, 0, 2])
        let (sent, rest) = try Self.talk(&client, [5, 2, 1, 0] + Self.opened)
        #expect(sent.first == [1, 3] + Array("ann".utf8) + [2] + Array("pw".utf8))
        #expect(sent.count == 2 && rest == [])
        var other = Client(to: "db", port: 1, as: Self.credential)
        #expect(try Self.talk(&other, [5, 0] + Self.opened).sent.count == 1)
    }

    /// Addresses of all kinds end where they say, and what comes behind them is the server's.
    @Test(
        arguments: [
            [5, 0, 0, 1, 0, 0, 0, 0, 0, 0], [5, 0, 0, 4] + [UInt8](repeating: 0, count: 18),
            [5, 0, 0, 3, 2, 97, 98, 0, 1],
            [5, 0, 0, 3, 0, 0, 1],
        ] as [[UInt8]])
    func whatComesBehindTheReplyIsTheServers(reply: [UInt8]) throws {
        var client = Client(to: "db", port: 1, as: nil)
        #expect(try client.receive([5, 0]) == .send([5, 1, 0, 3, 2, 100, 98, 0, 1]))
        #expect(try client.receive(reply + [1, 2, 3]) == .open([1, 2, 3]))
        #expect(try client.receive([4]) == .wait)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var kind: ProxyFailure
        var words: String
        var hasPassword = false
    }

    private static let refusals: [Refusal] = [
        .init(testDescription: "HTTP", bytes: Array("HTTP".utf8), kind: .notSOCKS5, words: "SOCKS version 5"),
        .init(testDescription: "version 4", bytes: [4], kind: .notSOCKS5, words: "SOCKS version 5"),
        .init(testDescription: "a method that was not offered", bytes: [5, 1], kind: .notSOCKS5, words: "SOCKS"),
        .init(testDescription: "a password that is not there", bytes: [5, 2], kind: .notSOCKS5, words: "SOCKS"),
        .init(testDescription: "nobody", bytes: [5, 255], kind: .credentialRequired, words: "demands a user name"),
        .init(
            testDescription: "neither", bytes: [5, 255], kind: .credentialRequired, words: "accepts neither",
            hasPassword: true),
        .init(
            testDescription: "a wrong password", bytes: [5, 2, 1, 1], kind: .credentialRejected,
            words: "does not accept",
            hasPassword: true),
        .init(
            testDescription: "refused", bytes: [5, 0, 5, 5], kind: .refused, words: "db:1: the connection was refused"),
        .init(testDescription: "no such host", bytes: [5, 0, 5, 4], kind: .refused, words: "does not resolve there"),
        .init(testDescription: "unknown reply", bytes: [5, 0, 5, 99], kind: .refused, words: "reply 99"),
        .init(
            testDescription: "unknown address", bytes: [5, 0, 5, 0, 0, 9, 0], kind: .notSOCKS5, words: "SOCKS version 5"
        ),
    ]

    @Test(arguments: refusals)
    func everyRefusalHasItsWords(_ refusal: Refusal) throws {
        var client = Client(to: "db", port: 1, as: refusal.hasPassword ? Self.credential : nil)
        let failure = #expect(throws: Client.Failure.self) { try Self.talk(&client, refusal.bytes) }
        #expect(failure?.kind == refusal.kind)
        #expect(failure?.message.contains(refusal.words) == true, "\(String(describing: failure))")
    }

    /// The protocol counts with one byte.
    @Test func whatIsTooLongIsNotCut() throws {
        let long = String(repeating: "a", count: 256)
        var name = Client(to: long, port: 1, as: nil)
        #expect(throws: Client.Failure.self) { try name.receive([5, 0]) }
        for credential in [
            SOCKS5Proxy.Credential(username: long, password: Secret("x")), .init(username: "x", password: Secret(long)),
            .init(username: "x", password: Secret("")),
        ] {
            var client = Client(to: "db", port: 1, as: credential)
            #expect(throws: Client.Failure.self) { try client.receive([5, 2]) }
        }
    }
}
