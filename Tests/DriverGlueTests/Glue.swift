import MongoAuth

extension DriverConnection {
    private static let authenticator = MongoAuthenticator()

    /// Logs in. This file is all that an existing driver has to write.
    func authenticate(_ credential: DriverCredential, timeout: Duration) async throws {
        let runner = RacingCommandRunner { [self] bytes in
            try await execute(Document(bytes: bytes)).bytes
        } giveUp: { [self] in
            Task { await close() }
        }
        let own: MongoCredential =
            switch credential.mechanism {
            case "GSSAPI":
                try .kerberos(
                    username: credential.username, mechanismProperties: credential.mechanismProperties,
                    password: credential.password)
            case "PLAIN": .plain(username: credential.username, password: credential.password ?? "")
            default: .scram(username: credential.username, password: credential.password ?? "")
            }
        try await Self.authenticator.authenticate(own, serverHost: host, over: runner, by: .now + timeout)
    }
}
