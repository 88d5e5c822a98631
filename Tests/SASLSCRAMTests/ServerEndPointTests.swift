import SASL
import SASLSCRAM
import Testing

/// The hash of a server's certificate, as OpenSSL computes it.
@Suite("tls-server-end-point") struct ServerEndPointTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        /// DER in Base64.
        var certificate: String
        /// In hexadecimal; `nil` where there is none.
        var hash: String?

        var testDescription: String { name }
        var bytes: [UInt8] { Data64.decode(certificate) }
    }

    static let cases = (try? fixture("certificates.json", as: [Case].self)) ?? []

    @Test(arguments: cases)
    func theFunctionOfTheSignature(_ one: Case) {
        let binding = SaslChannelBinding.serverEndPoint(ofCertificate: one.bytes)
        #expect(binding?.kind == (one.hash == nil ? nil : .tlsServerEndPoint))
        let hex = binding.map { $0.data.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
        #expect(hex == one.hash)
    }

    @Test func whatIsNoCertificate() {
        #expect(Self.cases.count == 14)
        for one in Self.cases {
            #expect(SaslChannelBinding.serverEndPoint(ofCertificate: one.bytes + [0]) == nil)
            for length in 0..<one.bytes.count {
                #expect(SaslChannelBinding.serverEndPoint(ofCertificate: Array(one.bytes.prefix(length))) == nil)
            }
        }
    }
}
