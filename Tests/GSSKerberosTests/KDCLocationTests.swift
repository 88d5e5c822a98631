import GSSKerberos
import Testing

/// Where the configuration says that KDCs are, and what they answer: values only.
@Suite struct KDCLocationTests {
    @Test(arguments: [
        ("kdc.example.com", "kdc.example.com", 88, KDCLocation.Transport.any),
        ("kdc.example.com:750", "kdc.example.com", 750, .any),
        ("kdc.example.com:750 ", "kdc.example.com", 750, .any),
        ("192.0.2.1", "192.0.2.1", 88, .any),
        ("[2001:db8::1]", "2001:db8::1", 88, .any),
        ("[2001:db8::1]:750", "2001:db8::1", 750, .any),
        ("https://proxy.example.com/KdcProxy", "proxy.example.com", 443, .https),
        ("https://proxy.example.com:8443/KdcProxy", "proxy.example.com", 8443, .https),
        // To libkrb5 it is a host's name.
        ("tcp/kdc.example.com:750", "tcp/kdc.example.com", 750, .any),
    ])
    func anEntry(_ text: String, host: String, port: UInt16, transport: KDCLocation.Transport) throws {
        let location = try #require(KDCLocation(entry: text))
        #expect(location.host == host && location.port == port && location.transport == transport)
        #expect(location.source == .configuration(entry: text))
    }

    @Test(arguments: [
        "", ":88", "88", "2001:db8::1", "::1", "kdc:", "kdc:x", "kdc:70000", "kdc:88x", "[]:88", "https://",
        "https:///x",
    ])
    func noEntry(_ text: String) {
        #expect(KDCLocation(entry: text) == nil)
    }

    @Test func aLocationIsWrittenAsPeopleWriteIt() {
        #expect(KDCLocation(entry: "[2001:db8::1]").map { "\($0)" } == "[2001:db8::1]:88")
        #expect(KDCLocation(entry: "kdc.example.com").map { "\($0)" } == "kdc.example.com:88")
    }

    @Test func whatIsNoMessageOfAKDC() throws {
        for bytes in [[], [0x7E], [0x7E, 0x80], Array("HTTP/1.1 400 Bad Request".utf8), [0x30, 0x00]] as [[UInt8]] {
            #expect(try KDCReply.read([bytes]) == [nil])
        }
        #expect(try KDCReply.read([]).isEmpty)
    }

    /// The bytes of a KRB-ERROR (RFC 4120 section 5.9.1), with the time 2033-05-18T03:33:20.25Z.
    private static func error(code: UInt8) -> [UInt8] {
        func part(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
            let content = Array(parts.joined())
            let length = UInt8(content.count)
            return [tag] + (length < 128 ? [length] : [0x81, length]) + content
        }
        let names = [part(0x1B, Array("krbtgt".utf8)), part(0x1B, Array("X.TEST".utf8))]
        let server = part(0x30, part(0xA0, part(0x02, [2])), part(0xA1, part(0x30, Array(names.joined()))))
        return part(
            0x7E,
            part(
                0x30, part(0xA0, part(0x02, [5])), part(0xA1, part(0x02, [30])),
                part(0xA4, part(0x18, Array("20330518033320Z".utf8))), part(0xA5, part(0x02, [0x03, 0xD0, 0x90])),
                part(0xA6, part(0x02, [code])), part(0xA9, part(0x1B, Array("X.TEST".utf8))), part(0xAA, server)))
    }

    @Test(arguments: [(52, "KRB5KRB_ERR_RESPONSE_TOO_BIG"), (25, "KRB5KDC_ERR_PREAUTH_REQUIRED"), (127, nil)])
    func anErrorHasItsNameAndTheTime(code: UInt8, name: String?) throws {
        let read = try KDCReply.read([Self.error(code: code), [0x6B, 0x00], Array(Self.error(code: code).dropLast())])
        try #require(read.count == 3)
        let time = Duration.seconds(2_000_000_000) + .milliseconds(250)
        #expect(read[0] == KDCReply(content: .error(code: Int32(code), name: name), time: time))
        #expect(read[1] == KDCReply(content: .ticket, time: nil))
        #expect(read[2] == nil)
        #expect(read[0]?.content.isTooLongForDatagrams == (code == 52))
    }
}
