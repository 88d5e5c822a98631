import SASL
import Testing

@Suite struct SaslMechanismNameTests {
    @Test(arguments: [
        "A", "GSSAPI", "SCRAM-SHA-256", "X_1-2", "0", "-", "_", "ABCDEFGHIJKLMNOPQRST", "GS2-KRB5-PLUS",
    ])
    func wellFormedNamesAreKept(_ text: String) throws {
        let name = try #require(SaslMechanismName(text))
        #expect(name.rawValue == text)
        #expect(name.description == text)
    }

    /// RFC 4422 section 3.1: 1 to 20 characters from A-Z, 0-9, hyphen and underscore.
    @Test(arguments: [
        "", "ABCDEFGHIJKLMNOPQRSTU", "gssapi", "Plain", "SCRAM SHA", "SCRAM.SHA", "É", "ＡＢ", "A/B",
    ])
    func othersAreRefused(_ text: String) {
        #expect(SaslMechanismName(text) == nil)
    }

    @Test func controlCharactersAreRefused() {
        for byte in Array(0..<0x20) + [0x7f] as [UInt8] {
            #expect(SaslMechanismName("PLAIN" + String(UnicodeScalar(byte))) == nil, "\(byte)")
        }
    }

    @Test(arguments: [
        (SaslMechanismName.gssapi, "GSSAPI"), (.plain, "PLAIN"), (.external, "EXTERNAL"), (.scramSHA1, "SCRAM-SHA-1"),
        (.scramSHA256, "SCRAM-SHA-256"),
    ])
    func knownNamesAreWellFormed(name: SaslMechanismName, text: String) {
        #expect(name == SaslMechanismName(text))
    }
}
