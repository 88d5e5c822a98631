import SaslBSON

/// A replica set of the server, which is its primary, and an arbiter; places are `host:port`.
struct Members {
    var own: String
    var arbiter: String

    func fill(_ hello: inout BSONDocument) {
        hello["hosts"] = [.string(own)]
        hello["me"] = .string(own)
        hello["arbiters"] = [.string(arbiter)]
        hello["isWritablePrimary"] = true
        hello["secondary"] = false
    }
}

/// Replies that do not depend on the conversation.
enum Replies {
    /// Only what clients look at.
    static let hello: BSONDocument = [
        "helloOk": true, "isWritablePrimary": true, "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": false, "ok": 1.0,
    ]

    /// The description of a server of that kind.
    static func hello(_ misbehaviour: Misbehaviour) -> BSONDocument {
        var hello = hello
        if [.oddity(.strangeMembers), .stranger(.arbiter)].contains(misbehaviour) {
            hello["isWritablePrimary"] = false
            hello["setName"] = "strange"
        }
        switch misbehaviour {
        case .oddity(.strangeMembers):
            hello["me"] = "a.invalid:27017"
            hello["hosts"] = ["a.invalid:27017", "localhost:27017"]
            hello["arbiters"] = ["b.invalid:27018"]
            hello["secondary"] = true
        case .stranger(.arbiter):
            hello["arbiterOnly"] = true
        case .stranger(.behindLoadBalancer):
            hello["serviceId"] = BSONObjectID(bytes: [UInt8](repeating: 7, count: 12)).map(BSONValue.objectID)
        case .oddity(.oldWireVersions):
            hello["maxWireVersion"] = 6
        default: break
        }
        return hello
    }

    /// Why hello itself is refused.
    static func refusal(of hello: BSONDocument, _ misbehaviour: Misbehaviour) -> BSONDocument? {
        switch misbehaviour {
        case .stranger(.behindLoadBalancer) where hello["loadBalanced"]?.boolValue != true:
            [
                "ok": 0.0, "errmsg": "The server is being accessed through a load balancer", "code": 354,
                "codeName": "LoadBalancerSupportMismatch",
            ]
        case .stranger(.demandsAPIVersion):
            [
                "ok": 0.0, "errmsg": "The apiVersion parameter is required", "code": 498_870,
                "codeName": "Location498870",
            ]
        default: nil
        }
    }

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
