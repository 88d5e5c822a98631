import GSSCore
import Testing

@Suite struct GSSObjectIdentifierTests {
    struct Known: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var der: [UInt8]
    }

    private static let known: [Known] = [
        Known(
            testDescription: "1.2.840.113554.1.2.2", der: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]),
        Known(testDescription: "1.3.6.1.5.5.2", der: [0x2b, 6, 1, 5, 5, 2]),
        Known(testDescription: "0.0", der: [0]),
        Known(testDescription: "0.39", der: [39]),
        Known(testDescription: "1.0", der: [40]),
        Known(testDescription: "1.39", der: [79]),
        Known(testDescription: "2.0", der: [80]),
        Known(testDescription: "2.40", der: [120]),
        Known(testDescription: "2.48", der: [0x81, 0x00]),
        // ITU-T X.690 section 8.19.5 has this one as its example.
        Known(testDescription: "2.999.3", der: [0x88, 0x37, 0x03]),
        Known(testDescription: "1.2.0", der: [0x2a, 0x00]),
        Known(testDescription: "1.2.127", der: [0x2a, 0x7f]),
        Known(testDescription: "1.2.128", der: [0x2a, 0x81, 0x00]),
        Known(
            testDescription: "1.2.18446744073709551615",
            der: [0x2a, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        Known(
            testDescription: "2.18446744073709551535",
            der: [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    ]

    @Test(arguments: known)
    func contentsHaveADottedForm(_ known: Known) {
        #expect(GSSObjectIdentifier(derContents: known.der).description == known.testDescription)
    }

    /// A library may hand out anything; its text must not be mistaken for another identifier's.
    @Test(
        arguments: [
            ([], "0x"),
            ([0x80], "0x80"),
            ([0x2a, 0x86], "0x2a86"),
            ([0x2a, 0x86, 0x80], "0x2a8680"),
            // X.690 section 8.19.2: the fewest possible octets.
            ([0x80, 0x01], "0x8001"),
            ([0x2a, 0x80, 0x01], "0x2a8001"),
            ([0x2a, 0x80, 0x80, 0x01], "0x2a808001"),
            // An arc of 65 bits.
            ([0x2a, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "0x2a82808080808080808000"),
            (Array(repeating: 0xff, count: 12), "0xffffffffffffffffffffffff"),
            (Array(repeating: 0xff, count: 11) + [0x7f], "0xffffffffffffffffffffff7f"),
        ] as [([UInt8], String)])
    func malformedContentsAreShownInHexadecimal(der: [UInt8], text: String) {
        #expect(GSSObjectIdentifier(derContents: der).description == text)
    }

    /// All contents of up to two bytes, and each byte repeated: none traps, and no two have the same text.
    @Test func everyContentHasATextOfItsOwn() {
        var contents: [[UInt8]] = [[]]
        for first in UInt8.min...UInt8.max {
            contents.append([first])
            for second in UInt8.min...UInt8.max { contents.append([first, second]) }
            contents.append(Array(repeating: first, count: 40))
        }
        let texts = Set(contents.map { GSSObjectIdentifier(derContents: $0).description })
        #expect(texts.count == contents.count)
        #expect(!texts.contains(""))
    }

    @Test func knownIdentifiers() {
        #expect(GSSObjectIdentifier.kerberos5.description == "1.2.840.113554.1.2.2")
        #expect(GSSObjectIdentifier.spnego.description == "1.3.6.1.5.5.2")
    }
}
