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

    @Test func anAnswerThatIsTooLong() {
        #expect(KDCReply.Content.error(code: 52, name: "KRB5KRB_ERR_RESPONSE_TOO_BIG").isTooLongForDatagrams)
        #expect(!KDCReply.Content.error(code: 25, name: "KRB5KDC_ERR_PREAUTH_REQUIRED").isTooLongForDatagrams)
        #expect(!KDCReply.Content.ticket.isTooLongForDatagrams)
    }
}
