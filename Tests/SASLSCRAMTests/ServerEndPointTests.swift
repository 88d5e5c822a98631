import ModuleTestSupport
import SASL
import SASLSCRAM
import Testing

/// The hash of a server's certificate, as OpenSSL computes it.
@Suite("tls-server-end-point") struct ServerEndPointTests {
    @Test(arguments: CertificateCase.all)
    func theFunctionOfTheSignature(_ one: CertificateCase) {
        let binding = SaslChannelBinding.serverEndPoint(ofCertificate: one.bytes)
        #expect(binding?.kind == (one.hash == nil ? nil : .tlsServerEndPoint))
        #expect(binding.map { CertificateCase.hexadecimal($0.data) } == one.hash)
    }

    @Test func whatIsNoCertificate() {
        #expect(CertificateCase.all.count == 14)
        for one in CertificateCase.all {
            #expect(SaslChannelBinding.serverEndPoint(ofCertificate: one.bytes + [0]) == nil)
            for length in 0..<one.bytes.count {
                #expect(SaslChannelBinding.serverEndPoint(ofCertificate: Array(one.bytes.prefix(length))) == nil)
            }
        }
    }

    /// An element with a length of one octet, or of more than it needs.
    private static func element(_ tag: UInt8, _ content: [UInt8], lengthOctets: UInt8 = 0) -> [UInt8] {
        guard lengthOctets > 0 else { return [tag, UInt8(content.count)] + content }
        let zeros = [UInt8](repeating: 0, count: Int(lengthOctets) - 1)
        return [tag, 0x80 | lengthOctets] + zeros + [UInt8(content.count)] + content
    }

    private static func isBound(_ fields: [[UInt8]], lengthOctets: UInt8 = 0) -> Bool {
        let certificate = element(0x30, fields.flatMap { $0 }, lengthOctets: lengthOctets)
        return SaslChannelBinding.serverEndPoint(ofCertificate: certificate) != nil
    }

    /// Whatever the parts hold: all three have to be there, and nothing else.
    @Test func whatHasNotThePartsOfACertificate() {
        // sha256WithRSAEncryption
        let identifier: [UInt8] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11]
        let (signed, algorithm) = (Self.element(0x30, [5, 0]), Self.element(0x30, identifier))
        let signature = Self.element(0x03, [0, 1])
        #expect(Self.isBound([signed, algorithm, signature]))
        #expect(!Self.isBound([signed, algorithm]))
        #expect(!Self.isBound([Self.element(0x30, []), algorithm, signature]))
        #expect(!Self.isBound([signed, algorithm, signature, [5, 0]]))
        for other in [Self.element(0x04, [0, 1]), Self.element(0x03, []), Self.element(0x03, [8, 1])] {
            #expect(!Self.isBound([signed, algorithm, other]))
        }
        for count: UInt8 in 1...3 {
            #expect(!Self.isBound([signed, algorithm, signature], lengthOctets: count))
            #expect(!Self.isBound([Self.element(0x30, [5, 0], lengthOctets: count), algorithm, signature]))
            #expect(!Self.isBound([signed, Self.element(0x30, identifier, lengthOctets: count), signature]))
            #expect(!Self.isBound([signed, algorithm, Self.element(0x03, [0, 1], lengthOctets: count)]))
        }
    }
}
