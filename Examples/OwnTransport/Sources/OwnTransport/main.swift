import MongoAuth

// A driver has its own connection, which runs a command: BSON bytes in, BSON bytes out. This one
// refuses every command, as a server would.

/// `{ok: 0, code: 18}`
let refusal: [UInt8] = [
    0x17, 0x00, 0x00, 0x00, 0x10, 0x6F, 0x6B, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x63, 0x6F, 0x64, 0x65, 0x00, 0x12,
    0x00,
    0x00, 0x00, 0x00,
]

actor Connection {
    func execute(_ command: [UInt8]) async throws -> [UInt8] { refusal }
    func close() {}
}

let connection = Connection()
let runner = RacingCommandRunner {
    try await connection.execute($0)
} giveUp: {
    Task { await connection.close() }
}

do {
    try await MongoAuthenticator().authenticate(
        .plain(username: "ann", password: "secret"), serverHost: "db.example.com", over: runner,
        by: .now + .seconds(10))
} catch let error as MongoAuthError where error.code == .refused {
    print(error)
}
