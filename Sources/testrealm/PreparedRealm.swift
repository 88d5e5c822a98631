import Glibc
import KerberosTestKit
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A realm with all requested options.
struct PreparedRealm: Sendable {
    /// The realm's description for other programs; the JSON of `testrealm up`.
    struct Description: Encodable, Sendable {
        struct User: Encodable, Sendable {
            var principal: String
            var password: String?
        }

        struct KDC: Encodable, Sendable {
            var addresses: [String]
            var port: UInt16
        }

        var schema = "testrealm.up/1"
        var realm: String
        /// The process to send SIGTERM to when the realm is no longer needed.
        var processIdentifier: Int32
        var folder: String
        var kdc: KDC
        var users: [User]
        var services: [String]
        /// The keytab with the keys of all services.
        var keytab: String
        /// A keytab with the keys of all users, if there is one.
        var clientKeytab: String?
        /// The server's connection string for the first user.
        var server: String?
        var environment: [String: String]
    }

    let description: Description
    /// What is behind it.
    let kerberos: KerberosRealm

    /// As ``with(_:roles:_:)``; a signal that comes before `body` runs ends the preparation.
    static func with<Result: Sendable>(
        _ options: RealmOptions, _ signals: Signals,
        _ body: @escaping @Sendable (PreparedRealm) async throws -> Result
    ) async throws -> Result {
        try await signals.preparing { ready in
            try await with(options) { realm in
                try ready()
                return try await body(realm)
            }
        }
    }

    /// Starts a realm, and a server if one is asked for; runs `body`; stops both.
    ///
    /// - Parameter roles: Those of every user at the server, as `role@database`.
    static func with<Result: Sendable>(
        _ options: RealmOptions, roles: String = "readWrite@test", _ body: (PreparedRealm) async throws -> Result
    ) async throws -> Result {
        // Missing programs are reported before anything starts.
        if options.server { _ = try TestServer.program() }
        return try await KerberosRealm.withRealm(options.configuration) { realm in
            let prepared = try await PreparedRealm(realm, options)
            guard options.server else { return try await body(prepared) }
            let users = prepared.description.users.map(\.principal)
            return try await TestServer.with(prepared, roles: roles, users: users) { port in
                var description = prepared.description
                let uri = TestServer.uri(users.first ?? "", port: port)
                description.server = uri
                description.environment["MONGODB_URI"] = uri
                return try await body(PreparedRealm(description: description, kerberos: realm))
            }
        }
    }

    private init(description: Description, kerberos: KerberosRealm) {
        self.description = description
        self.kerberos = kerberos
    }

    private init(_ realm: KerberosRealm, _ options: RealmOptions) async throws {
        kerberos = realm
        let users = options.everyUser
        let services = options.everyService
        try await realm.addPrincipals(
            users.map { NewPrincipal($0.name, password: $0.password) } + services.map { NewPrincipal($0) })
        let keytab = try await realm.makeKeytab(for: services)
        var clientKeytab: String?
        if options.clientKeytab || users.contains(where: { $0.password == nil }) {
            clientKeytab = try await realm.makeKeytab(for: users.map(\.name))
        }
        var cache: String?
        let wanted = options.cacheUser ?? users.first?.name
        if let user = users.first(where: { $0.name == wanted }) {
            if let password = user.password {
                cache = try await realm.makeCache(user.name, password: password)
            } else if let clientKeytab {
                cache = try await realm.makeCache(user.name, keytab: clientKeytab)
            }
        }
        if let copy = options.keytab { try Self.copy(keytab, to: copy) }

        var environment = realm.environment(
            cache: cache, keytab: keytab, clientKeytab: options.clientKeytab ? clientKeytab : nil)
        // It is left to the command; the replay cache is in the realm's folder anyway.
        environment["TMPDIR"] = nil
        let principals = users.map { user in
            Description.User(
                principal: user.name.utf8.contains(UInt8(ascii: "@")) ? user.name : "\(user.name)@\(realm.name)",
                password: user.password)
        }
        environment["TESTREALM_REALM"] = realm.name
        environment["TESTREALM_FOLDER"] = realm.folder
        environment["TESTREALM_KDC"] = realm.addresses.first.map { "\($0.bracketed):\(realm.port)" }
        environment["TESTREALM_USER"] = principals.first?.principal
        environment["TESTREALM_PASSWORD"] = principals.first?.password
        environment["TESTREALM_PID"] = "\(getpid())"
        description = Description(
            realm: realm.name, processIdentifier: getpid(), folder: realm.folder,
            kdc: Description.KDC(addresses: realm.addresses, port: realm.port), users: principals, services: services,
            keytab: keytab, clientKeytab: clientKeytab, server: nil, environment: environment)
    }

    /// Copies a keytab so that only its owner can read it, like the first. The copy is a new file, which replaces
    /// an existing one: that may be readable for others, or a link.
    private static func copy(_ source: String, to path: String) throws {
        do {
            let keys = try Data(contentsOf: URL(filePath: source))
            let new = "\(path).\(getpid())"
            let file = try FileDescriptor.open(
                FilePath(new), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: .ownerReadWrite)
            do {
                try file.closeAfter { _ = try file.writeAll(keys) }
                guard rename(new, path) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                unlink(new)
                throw error
            }
        } catch {
            throw KerberosTestKitError(.fileSystem, "\(path) could not be written", underlying: error)
        }
    }
}
