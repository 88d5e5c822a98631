internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import X509

/// The subject of a client's certificate.
enum ClientCertificate {
    /// The subject in the form of MongoDB's user names: RFC 2253, the last part first; `nil` without TLS or without a
    /// certificate.
    ///
    /// The handshake is over: the client has sent a command.
    static func subject(of channel: any Channel) async throws -> String? {
        let certificate = try await channel.eventLoop.submit {
            try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self).peerCertificate?.toDERBytes()
        }.get()
        return try certificate.map { try Certificate(derEncoded: $0).subject.description }
    }
}
