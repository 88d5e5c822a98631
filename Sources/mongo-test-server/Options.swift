import ArgumentParser
package import MongoTestServer

/// The value of `--listen`.
struct ListenOption: ExpressibleByArgument {
    var addresses: [MongoTestServer.Address]

    init?(argument: String) {
        let scalars = argument.unicodeScalars
        guard let colon = scalars.lastIndex(of: ":"),
            let port = Int(String(scalars[scalars.index(after: colon)...])), (0...65535).contains(port)
        else { return nil }
        var host = scalars[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            // An IPv6 address without brackets: its last part is no port.
            return nil
        }
        if String(host) == "localhost" {
            // Both, on any machine: naming them requires an error if one is missing.
            addresses = ["127.0.0.1", "::1"].map { MongoTestServer.Address(host: $0, port: port) }
        } else {
            addresses = [MongoTestServer.Address(host: String(host), port: port)]
        }
    }
}

/// The value of `--tls-client-certificates`.
extension MongoTestServer.TLS.ClientCertificates: ExpressibleByArgument {}

/// The value of `--sasl`.
extension MongoTestServer.SaslLibrary: ExpressibleByArgument {}

/// The value of `--user`.
struct UserOption: ExpressibleByArgument {
    var principal: String
    var roles: [MongoTestServer.Role]

    init?(argument: String) {
        let parts = argument.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let principal = parts.first, !principal.isEmpty else { return nil }
        self.principal = String(principal)
        roles = []
        for word in parts.dropFirst().first?.split(separator: ",") ?? [] {
            guard let at = word.firstIndex(of: "@"), at != word.startIndex else { return nil }
            let database = word[word.index(after: at)...]
            guard !database.isEmpty else { return nil }
            roles.append(MongoTestServer.Role(String(word[..<at]), on: String(database)))
        }
    }

    /// As users of `$external`; a user named twice has the roles of both.
    static func together(_ options: [UserOption]) -> [MongoTestServer.User] {
        var users: [MongoTestServer.User] = []
        for option in options {
            if let index = users.firstIndex(where: { $0.name.utf8.elementsEqual(option.principal.utf8) }) {
                users[index].roles += option.roles
            } else {
                users.append(MongoTestServer.User(option.principal, roles: option.roles))
            }
        }
        return users
    }
}
