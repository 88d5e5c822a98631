import SaslBSON

/// Replies that do not depend on the conversation.
enum Replies {
    /// Only what clients look at.
    static let hello: BSONDocument = [
        "helloOk": true, "isWritablePrimary": true, "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": false, "ok": 1.0,
    ]

    static let ancientHello: BSONDocument = [
        "ismaster": true, "maxBsonObjectSize": 16_777_216, "minWireVersion": 0, "maxWireVersion": 3, "ok": 1.0,
    ]

    static let noSuchCommand: BSONDocument = [
        "ok": 0.0, "errmsg": "no such command", "code": 59, "codeName": "CommandNotFound",
    ]

    /// As servers said it before they had codes for it.
    static let ancientNoSuchCommand: BSONDocument = [
        "ok": 0.0, "errmsg": "no such cmd: hello", "bad cmd": ["hello": 1],
    ]

    static let unauthorized: BSONDocument = [
        "ok": 0.0, "errmsg": "command requires authentication", "code": 13, "codeName": "Unauthorized",
    ]

    static let authenticationFailed: BSONDocument = [
        "ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed",
    ]

    static let outOfOrder: BSONDocument = [
        "ok": 0.0, "errmsg": "No SASL session state found", "code": 17, "codeName": "ProtocolError",
    ]

    static func connectionStatus(users: [String]) -> BSONDocument {
        let entries = users.map { BSONValue.document(["user": .string($0), "db": "$external"]) }
        let roles: [BSONValue] = users.isEmpty ? [] : [["role": "read", "db": "test"]]
        return [
            "authInfo": [
                "authenticatedUsers": .array(BSONArray(entries)), "authenticatedUserRoles": .array(BSONArray(roles)),
            ],
            "ok": 1.0,
        ]
    }
}
