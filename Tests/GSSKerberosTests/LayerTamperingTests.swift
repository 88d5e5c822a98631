import GSSCore
import GSSKerberos
import SASL
import SASLGSSAPI
import TestSupport
import Testing

/// What somebody on the way can do to the messages of a layer, with real keys: each side refuses all of it.
@Suite struct LayerTamperingTests {
    /// Which way messages go here, and with which protection.
    struct Way: Codable, Sendable, CustomTestStringConvertible {
        var mechanism: String
        var protection: UInt8
        var isToServer: Bool

        var testDescription: String {
            "\(mechanism), \(SaslSecurityLayers(rawValue: protection)), to the \(isToServer ? "server" : "client")"
        }

        static let all = ["GSSAPI", "GSS-SPNEGO"].flatMap { mechanism in
            [SaslSecurityLayers.integrity, .confidentiality].flatMap { protection in
                [false, true].map { Way(mechanism: mechanism, protection: protection.rawValue, isToServer: $0) }
            }
        }

        /// The two ends of a layer that has just been agreed on.
        func layers(
            _ fixture: RealmFixture
        ) throws -> (sender: any SaslSecurityLayer, receiver: any SaslSecurityLayer) {
            let isSPNEGO = mechanism == "GSS-SPNEGO"
            let policy = GSSAPIMechanism.SecurityLayerPolicy(preference: [SaslSecurityLayers(rawValue: protection)])
            let target = GSSName.service("mongodb", host: "localhost")
            let acceptor = KerberosProvider(
                credential: try KerberosCredential(
                    usage: .accept, store: KerberosCredentialStore(keytab: fixture.keytab, replayCache: "none:"),
                    mechanisms: [isSPNEGO ? .spnego : .kerberos5]))
            var client = try SaslSession(
                isSPNEGO
                    ? SPNEGOMechanism(provider: KerberosProvider(), target: target, securityLayer: policy)
                    : GSSAPIMechanism(provider: KerberosProvider(), target: target, securityLayer: policy))
            var server = try SaslServerSession(
                isSPNEGO
                    ? SPNEGOServerMechanism(provider: acceptor)
                    : GSSAPIServerMechanism(provider: acceptor, layers: .all))
            var challenge: [UInt8]?
            while case .respond(let response) = try client.step(challenge), server.identity == nil {
                switch try server.step(response) {
                case .challenge(let next): challenge = next
                case .success(_, let data): challenge = data
                }
            }
            let (one, other) = (try client.makeSecurityLayer(), try server.makeSecurityLayer())
            #expect(one.protection.rawValue == protection && other.protection.rawValue == protection)
            return isToServer ? (one, other) : (other, one)
        }
    }

    /// The message as it was sent comes through after all of that: it is not the layer that has broken.
    @Test(arguments: Way.all)
    func noBitCanBeChangedAndNoneAddedOrLeftOut(way: Way) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, way = way as Way] in
            fixture.enter()
            let (sender, receiver) = try way.layers(fixture)
            let plain = Array("transfer 100 to ann".utf8)
            let message = try sender.wrap(plain)
            for bit in 0..<message.count * 8 {
                var changed = message
                changed[bit / 8] ^= 1 << (bit % 8)
                #expect(isRefused(changed, by: receiver), "bit \(bit)")
            }
            for length in 0..<message.count {
                #expect(isRefused(Array(message.prefix(length)), by: receiver), "\(length) bytes")
                #expect(isRefused(Array(message.suffix(length)), by: receiver), "the last \(length) bytes")
            }
            for count in [1, 2, 16, message.count] {
                #expect(isRefused(message + message.prefix(count), by: receiver), "\(count) bytes more")
                #expect(isRefused(message.suffix(count) + message, by: receiver), "\(count) bytes before it")
                #expect(isRefused(message + [UInt8](repeating: 0, count: count), by: receiver), "\(count) zeros")
            }
            #expect(try receiver.unwrap(message) == plain)
        }
    }

    @Test(arguments: Way.all)
    func noneComesTwiceOrBeforeItsTimeOrFromTheOtherSide(way: Way) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, way = way as Way] in
            fixture.enter()
            let (sender, receiver) = try way.layers(fixture)
            let messages = try (0..<4).map { try sender.wrap([$0]) }
            #expect(try receiver.unwrap(messages[0]) == [0])
            #expect(isRefused(messages[0], by: receiver), "a replay")
            #expect(isRefused(messages[2], by: receiver), "one is missing")
            let (other, _) = try way.layers(fixture)
            #expect(isRefused(try other.wrap([1]), by: receiver), "a message of another connection")
            #expect(isRefused(try receiver.wrap([1]), by: receiver), "a message of its own")
        }
    }
}

/// Whether a layer takes a message for one that the other side has not sent.
private func isRefused(_ message: [UInt8], by layer: any SaslSecurityLayer) -> Bool {
    do throws(SaslError) {
        _ = try layer.unwrap(message)
        return false
    } catch {
        return error.code == .securityLayer
    }
}
