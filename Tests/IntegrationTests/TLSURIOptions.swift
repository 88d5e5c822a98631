import Foundation
import TestSupport

/// The options for TLS at the end of a connection string, with files of this run's authority.
struct TLSURIOptions: Sendable {
    var authorities: String? = "ca.crt"
    var certificateKey: String?
    var password: String?

    var uriSuffix: String {
        get async throws {
            let authority = try await TestAuthority.shared
            let options = [
                ("tlsCAFile", authorities.map(authority.path)),
                ("tlsCertificateKeyFile", certificateKey.map(authority.path)),
                ("tlsCertificateKeyFilePassword", password),
            ]
            return "&tls=true"
                + options.compactMap { name, value in
                    let escaped = value?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                    return escaped.map { "&\(name)=\($0)" }
                }.joined()
        }
    }
}
