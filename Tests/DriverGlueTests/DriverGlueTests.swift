import Foundation
import MongoAuth
import SaslBSON
import Testing

/// A driver with `Glue.swift`: 25 lines and one import of this package.
@Suite struct DriverGlueTests {
    private static func document(_ bson: BSONDocument) throws -> Document {
        Document(bytes: try bson.encoded())
    }

    private static func reply(_ payload: [UInt8], done: Bool) throws -> Document {
        try document([
            "ok": 1, "conversationId": 1, "done": .bool(done),
            "payload": .binary(BSONBinary(subtype: 0, bytes: payload)),
        ])
    }

    private static func payload(_ command: Document) throws -> [UInt8] {
        try BSONDocument(decoding: command.bytes)["payload"]?.binaryValue?.bytes ?? []
    }

    private static let plain = DriverCredential(mechanism: "PLAIN", username: "ann", password: "secret")
    private static let scram = DriverCredential(mechanism: "SCRAM-SHA-1", username: "ann", password: "secret")

    @Test func aDriverLogsIn() async throws {
        let connection = DriverConnection(host: "db.example.com") { command in
            #expect(try Self.payload(command) == Array("\u{0}ann\u{0}secret".utf8))
            return try Self.reply([], done: true)
        }
        try await connection.authenticate(Self.plain, timeout: .seconds(30))
        #expect(await connection.commands.count == 1)
        #expect(await !connection.isClosed)
    }

    /// A server that reports done before it has proven anything, which drivers of this shape accept.
    @Test func aServerThatIsDoneEarlyIsNotBelieved() async throws {
        let connection = DriverConnection(host: "db.example.com") { _ in try Self.reply([], done: true) }
        let error = await #expect(throws: MongoAuthError.self) {
            try await connection.authenticate(Self.scram, timeout: .seconds(30))
        }
        #expect(error?.code == .serverNotProven)
    }

    @Test func aRefusalIsTold() async throws {
        let connection = DriverConnection(host: "db.example.com") { _ in
            try Self.document(["ok": 0, "code": 18, "errmsg": "Authentication failed."])
        }
        let error = await #expect(throws: MongoAuthError.self) {
            try await connection.authenticate(Self.plain, timeout: .seconds(30))
        }
        #expect(error?.code == .refused)
    }

    /// The driver's own call has no deadline: the runner abandons it and closes the connection.
    @Test func aSilentServerIsGivenUpAtTheDeadline() async throws {
        let never = AsyncStream<Document>.makeStream()
        let connection = DriverConnection(host: "db.example.com") { _ in
            for await document in never.stream { return document }
            throw CancellationError()
        }
        let error = await #expect(throws: MongoAuthError.self) {
            try await connection.authenticate(Self.plain, timeout: .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message == "the deadline passed while waiting for the server's reply")
        while await !connection.isClosed { await Task.yield() }
    }

    @Test func mechanismPropertiesThatGSSAPIDoesNotHaveAreNamed() async throws {
        let connection = DriverConnection(host: "db.example.com") { _ in throw CancellationError() }
        let credential = DriverCredential(
            mechanism: "GSSAPI", username: "ann@EXAMPLE.TEST", mechanismProperties: ["SERVICE_NAMES": "x"])
        let error = await #expect(throws: MongoAuthError.self) {
            try await connection.authenticate(credential, timeout: .seconds(30))
        }
        #expect(error?.code == .invalidCredential)
        #expect(error?.message == "the mechanism property SERVICE_NAMES is unknown for GSSAPI")
    }

    /// The glue is as small as documented.
    @Test func theGlueIsShort() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Glue.swift")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count <= 25)
        #expect(lines.count { $0.hasPrefix("import ") } <= 2)
    }
}
