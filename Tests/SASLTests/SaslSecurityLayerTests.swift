import SASL
import Testing

@Suite struct SaslSecurityLayersTests {
    @Test(
        arguments: [
            (.none, 1), (.integrity, 2), (.confidentiality, 4), (.all, 7), ([], 0),
        ] as [(SaslSecurityLayers, UInt8)])
    func bitsAreThoseOfRFC4752(layers: SaslSecurityLayers, rawValue: UInt8) {
        #expect(layers.rawValue == rawValue)
    }

    @Test(
        arguments: [
            (0, "(empty)"), (1, "none"), (2, "integrity"), (4, "confidentiality"), (3, "none, integrity"),
            (7, "none, integrity, confidentiality"), (8, "0x8"), (0xf1, "none, 0xf0"),
            (0xff, "none, integrity, confidentiality, 0xf8"),
        ] as [(UInt8, String)])
    func describesEveryBit(rawValue: UInt8, text: String) {
        #expect(SaslSecurityLayers(rawValue: rawValue).description == text)
    }
}

@Suite struct NoSecurityLayerTests {
    @Test(arguments: [[], [1, 2, 3], Array(repeating: 0xff, count: 70_000)] as [[UInt8]])
    func messagesGoAsTheyAre(_ message: [UInt8]) throws {
        let layer = NoSecurityLayer()
        #expect(layer.protection == .none)
        #expect(try layer.wrap(message) == message)
        #expect(try layer.unwrap(message) == message)
        #expect(layer.maximumPlaintextLength == .max)
        #expect(layer.maximumCiphertextLength == .max)
    }
}

@Suite struct SaslErrorTests {
    private static let codes: [(SaslError.Code, String)] = [
        (.invalidConfiguration, "invalid-configuration"), (.mechanismUnavailable, "mechanism-unavailable"),
        (.malformedChallenge, "malformed-challenge"), (.unexpectedChallenge, "unexpected-challenge"),
        (.missingChallenge, "missing-challenge"), (.tooLarge, "too-large"), (.serverNotProven, "server-not-proven"),
        (.securityLayer, "security-layer"), (.refused, "refused"), (.mechanismFailure, "mechanism-failure"),
        (.incomplete, "incomplete"), (.poisoned, "poisoned"), (.malformedResponse, "malformed-response"),
        (.unexpectedResponse, "unexpected-response"), (.missingResponse, "missing-response"),
        (.credentialsRejected, "credentials-rejected"), (.notAuthorized, "not-authorized"),
        (.channelBinding, "channel-binding"),
    ]

    @Test(arguments: codes)
    func codesHaveStableNames(code: SaslError.Code, name: String) {
        #expect(code.description == name)
        #expect(SaslError(code, "text").description == "\(name): text")
    }

    @Test func codesAreDistinct() {
        #expect(Set(Self.codes.map(\.0)).count == Self.codes.count)
    }

    @Test func theCauseIsNotSaidTwice() {
        let error = SaslError(.mechanismFailure, "outer: inner", underlying: SaslError(.refused, "inner"))
        #expect(error.description == "mechanism-failure: outer: inner")
        #expect((error.underlying as? SaslError)?.code == .refused)
    }
}
