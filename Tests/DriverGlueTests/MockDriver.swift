import Foundation

// A stand-in for an existing driver: BSON, connection and credential are its own, its calls support neither deadlines
// nor cancellation, and it does not use this package.

/// The driver's document: bytes, and the few fields that its fake server needs.
struct Document: Sendable, Equatable {
    var bytes: [UInt8]
}

/// The driver's credential, as its connection string had it.
struct DriverCredential: Sendable {
    var mechanism: String
    var username: String
    var password: String?
    var mechanismProperties: [String: String] = [:]
}

/// The driver's connection.
actor DriverConnection {
    nonisolated let host: String
    private let answer: @Sendable (Document) async throws -> Document
    private(set) var isClosed = false
    private(set) var commands: [Document] = []

    init(host: String, answer: @escaping @Sendable (Document) async throws -> Document) {
        self.host = host
        self.answer = answer
    }

    func execute(_ command: Document) async throws -> Document {
        commands.append(command)
        return try await answer(command)
    }

    func close() {
        isClosed = true
    }
}
