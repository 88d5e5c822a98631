import Foundation

/// A certificate of `Fixtures/SCRAM/certificates.json`, and its channel binding `tls-server-end-point`.
package struct CertificateCase: Decodable, Sendable, CustomStringConvertible {
    private let name: String
    private let certificate: Data
    /// The data of the binding in hexadecimal, as OpenSSL computes it; `nil` where there is none.
    package let hash: String?

    package var description: String { name }
    /// The certificate in DER.
    package var bytes: [UInt8] { Array(certificate) }

    /// Empty if the file cannot be read: tests compare the number.
    package static let all: [CertificateCase] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/SCRAM/certificates.json").standardizedFileURL
        return (try? JSONDecoder().decode([CertificateCase].self, from: Data(contentsOf: file))) ?? []
    }()

    /// Bytes as the file has hashes.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
