internal import SecretMemory

/// The rules of the driver authentication specification: which of user name, password, source and properties each
/// mechanism needs, allows or forbids, and what the defaults are.
struct CredentialRules {
    private enum Presence {
        case required, optional, forbidden
    }

    private enum Source {
        /// Always `$external`.
        case external
        /// `authSource`, else the string's database, else this.
        case database(otherwise: String)
    }

    /// The rules of one mechanism.
    private struct Rule {
        var username: Presence
        var password: Presence
        var source: Source
        var properties: Set<String> = []

        init(_ mechanism: AuthMechanism?) {
            switch mechanism {
            case nil:
                // The specification's tests accept a user without a password here; the exchange will miss it.
                (username, password, source) = (.required, .optional, .database(otherwise: "admin"))
            case .scramSHA1, .scramSHA256:
                (username, password, source) = (.required, .required, .database(otherwise: "admin"))
            case .plain:
                (username, password, source) = (.required, .required, .database(otherwise: "$external"))
            case .gssapi:
                (username, password, source) = (.required, .optional, .external)
                properties = ["SERVICE_NAME", "SERVICE_REALM", "SERVICE_HOST", "CANONICALIZE_HOST_NAME"]
            case .x509:
                (username, password, source) = (.optional, .forbidden, .external)
            case .aws:
                (username, password, source) = (.optional, .optional, .external)
                properties = ["AWS_SESSION_TOKEN"]
            case .oidc:
                (username, password, source) = (.optional, .forbidden, .external)
                properties = ["ENVIRONMENT", "TOKEN_RESOURCE"]
            }
        }
    }

    var userInfo: UserInfo?
    var database: String?
    var options: Options
    var locations: Locations
    var findings: Findings

    /// The credential; `nil` when there is neither an `@` nor a mechanism. A database or `authSource` alone does not
    /// ask for authentication.
    func credential(
        warnings: inout [MongoConnectionString.Warning]
    ) throws(ConnectionStringError) -> MongoConnectionString.Credential? {
        let properties = options.authMechanismProperties ?? MechanismProperties()
        guard userInfo != nil || options.authMechanism != nil else {
            if !properties.isEmpty {
                warnings.append(
                    MongoConnectionString.Warning(
                        option: "authMechanismProperties",
                        message: "has no effect without authMechanism and without a user name"))
            }
            return nil
        }
        let mechanism = options.authMechanism
        let rule = Rule(mechanism)
        let username = try findings.attempt { () throws(ConnectionStringError) in try self.username(rule) }
        let password = try findings.attempt { () throws(ConnectionStringError) in try self.password(rule) }
        let source = try findings.attempt { () throws(ConnectionStringError) in try self.source(rule) }
        let before = findings.errors.count
        for property in properties.properties {
            _ = try findings.attempt { () throws(ConnectionStringError) in try check(property, rule) }
        }
        // The mechanism's own rules apply only to a complete credential.
        guard let username, let password, let source, findings.errors.count == before else { return nil }
        var credential = MongoConnectionString.Credential(
            username: username, password: password, source: source, mechanism: mechanism,
            mechanismProperties: properties)
        _ = try findings.attempt { () throws(ConnectionStringError) in
            switch mechanism {
            case .gssapi: try complete(gssapi: &credential)
            case .aws: try check(aws: credential, warnings: &warnings)
            case .oidc: try check(oidc: credential)
            default: break
            }
        }
        return credential
    }

    private var mechanismName: String { options.authMechanism?.rawValue ?? "authentication by password" }

    private func username(_ rule: Rule) throws(ConnectionStringError) -> String? {
        let username = userInfo.flatMap { $0.username.isEmpty ? nil : $0.username }
        if username == nil, rule.username == .required {
            throw error("\(mechanismName) needs a user name before an '@'")
        }
        return username
    }

    private func password(_ rule: Rule) throws(ConnectionStringError) -> Secret? {
        switch (userInfo?.password, rule.password) {
        case (nil, .required): throw error("\(mechanismName) needs a password: write user:password@")
        case (_?, .forbidden): throw error("\(mechanismName) takes no password: leave out the ':' before the '@'")
        case (let password, _): return password
        }
    }

    private func source(_ rule: Rule) throws(ConnectionStringError) -> String {
        switch rule.source {
        case .external:
            if let source = options.authSource, source != "$external" {
                throw locations.error(
                    .invalidCredential, "\(mechanismName) authenticates on $external only: leave out authSource",
                    option: "authSource")
            }
            return "$external"
        case .database(let otherwise):
            // A namespace means its database.
            let name = database.flatMap { $0.unicodeScalars.split(separator: ".").first.map(String.init) }
            return options.authSource ?? name ?? otherwise
        }
    }

    private func check(_ property: MechanismProperties.Property, _ rule: Rule) throws(ConnectionStringError) {
        guard rule.properties.contains(property.name) else {
            if property.name == "ALLOWED_HOSTS" {
                throw propertyError(
                    "ALLOWED_HOSTS must not be in a connection string: it protects against the string's own hosts")
            }
            let allowed = rule.properties.sorted().joined(separator: ", ")
            throw propertyError(
                allowed.isEmpty
                    ? "\(mechanismName) has no properties" : "\(mechanismName) has only the properties \(allowed)")
        }
        if property.value.isEmpty { throw propertyError("\(property.name) has no value") }
    }

    private func complete(gssapi credential: inout MongoConnectionString.Credential) throws(ConnectionStringError) {
        if let mode = credential.mechanismProperties["CANONICALIZE_HOST_NAME"],
            GSSAPIProperties.mode(named: mode) == nil
        {
            throw propertyError("CANONICALIZE_HOST_NAME is one of none, forward, forwardAndReverse, true, false")
        }
        if credential.mechanismProperties["SERVICE_NAME"] == nil {
            credential.mechanismProperties["SERVICE_NAME"] = "mongodb"
        }
    }

    private func check(
        aws credential: MongoConnectionString.Credential, warnings: inout [MongoConnectionString.Warning]
    ) throws(ConnectionStringError) {
        if (credential.username == nil) != (credential.password == nil) {
            throw error("MONGODB-AWS takes an access key and a secret key, or neither")
        }
        guard credential.username == nil else {
            // The specification withdrew this in 2025, with tests for either behaviour; drivers in use accept it.
            warnings.append(
                MongoConnectionString.Warning(
                    option: "authMechanism",
                    message: "AWS keys in a connection string are deprecated; put them into the environment"))
            return
        }
        if credential.mechanismProperties["AWS_SESSION_TOKEN"] != nil {
            throw propertyError("AWS_SESSION_TOKEN needs an access key and a secret key")
        }
    }

    private func check(oidc credential: MongoConnectionString.Credential) throws(ConnectionStringError) {
        let hasResource = credential.mechanismProperties["TOKEN_RESOURCE"] != nil
        switch credential.mechanismProperties["ENVIRONMENT"] {
        case nil:
            throw propertyError("MONGODB-OIDC needs the property ENVIRONMENT, one of test, azure, gcp, k8s")
        case "azure", "gcp":
            if !hasResource { throw propertyError("this ENVIRONMENT needs TOKEN_RESOURCE") }
        case "k8s", "test":
            if hasResource { throw propertyError("TOKEN_RESOURCE goes with the ENVIRONMENT azure or gcp only") }
        default:
            throw propertyError("ENVIRONMENT is one of test, azure, gcp, k8s")
        }
        if credential.mechanismProperties["ENVIRONMENT"] == "test", credential.username != nil {
            throw error("MONGODB-OIDC with the ENVIRONMENT test takes no user name")
        }
    }

    /// An error about user name or password; it points at them, or at the mechanism that requires them.
    private func error(_ message: String) -> ConnectionStringError {
        guard let offset = locations.userInfo else {
            return locations.error(.invalidCredential, message, option: "authMechanism")
        }
        return ConnectionStringError(.invalidCredential, message, offset: offset, part: "userinfo")
    }

    private func propertyError(_ message: String) -> ConnectionStringError {
        let isGiven = locations.options["authMechanismProperties"] != nil
        return locations.error(
            .invalidCredential, message, option: isGiven ? "authMechanismProperties" : "authMechanism")
    }
}
