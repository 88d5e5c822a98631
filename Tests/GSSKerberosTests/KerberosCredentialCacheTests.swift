import Foundation
import GSSCore
import GSSKerberos
import Glibc
import KerberosTestKit
import SecretMemory
import TestSupport
import Testing

/// Private caches: the sources of their tickets, and their removal.
@Suite struct KerberosCredentialCacheTests {
    /// What a child process needs to know of a realm, with secrets masked so that they are not in its memory.
    private struct Realm: Codable, Sendable {
        var environment: [String: String]
        var ann: String
        var bob: String
        var annCache: String
        var annKeytab: String
        var serviceKeytab: String
        var maskedPassword: [UInt8]
        var host: Host?

        /// A host's principal, a keytab with a key that it had before, and one with its key.
        struct Host: Codable, Sendable {
            var name: String
            var old: String
            var new: String
        }

        init(_ shared: SharedRealm) {
            environment = shared.realm.environment()
            (ann, bob) = (shared.ann, shared.bob)
            (annCache, annKeytab, serviceKeytab) = (shared.annCache, shared.annKeytab, shared.serviceKeytab)
            maskedPassword = shared.annPassword.utf8.map { $0 ^ 0x5A }
        }

        func enter() {
            for (name, value) in environment { setenv(name, value, 1) }
        }

        /// Asks the KDC for tickets with the password.
        func request(
            _ user: String, _ verification: KerberosVerification? = nil
        ) throws -> KerberosCredentialCache {
            try withPassword { try .request(user: user, password: Secret(bytes: $0), verification: verification) }
        }

        /// Lends the password, and wipes it afterwards.
        func withPassword<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maskedPassword.count, alignment: 1)
            defer {
                for index in buffer.indices { buffer[index] = 0 }
                buffer.deallocate()
            }
            for index in buffer.indices { buffer[index] = maskedPassword[index] ^ 0x5A }
            return try body(UnsafeRawBufferPointer(buffer))
        }
    }

    private static let service = GSSName.principal("mongodb/localhost@")

    /// Caches that nobody but this process has: in its own memory, and in the kernel's for it.
    @Test(arguments: ["MEMORY", "KEYRING:process"])
    func aCacheOfThisProcessServesByItsName(_ type: String) async throws {
        let realm = Realm(try await SharedRealm.shared)
        await #expect(processExitsWith: .success) { [realm = realm as Realm, type = type as String] in
            realm.enter()
            // The C library fills the cache that is named; then it is one like any other of this process.
            let store = KerberosCredentialStore(cache: "\(type):mine", clientKeytab: realm.annKeytab)
            _ = try KerberosCredential(name: .principal(realm.ann), store: store).inquire()
            let tickets = try KerberosCredentialCache.copy(from: "\(type):mine", user: "ann")
            #expect(
                tickets.principal == realm.ann && tickets.origin?.hasPrefix("\(type):mine") == true
                    && tickets.isCurrent(since: tickets.stamp))
            #expect(try tickets.cachedCredential(for: Self.service) == nil)
            let credential = try tickets.credential(for: Self.service)
            #expect(try #require(credential.end) > .now)
            #expect(credential.ticket?.server.hasPrefix("mongodb/localhost@") == true)
            #expect(try tickets.cachedCredential(for: Self.service)?.ticket == credential.ticket)
            // Another user's cache is not used for a user.
            #expect(throws: KerberosCacheMismatch.self) {
                try KerberosCredentialCache.copy(from: "\(type):mine", user: realm.bob)
            }
            #expect(throws: GSSError.self) { try KerberosCredentialCache.copy(from: "\(type):other", user: realm.ann) }
            #expect(throws: GSSError.self) { try KerberosCredentialCache.copy(from: nil, user: realm.ann) }
        }
    }

    @Test func aMismatchNamesBoth() async throws {
        let realm = Realm(try await SharedRealm.shared)
        await #expect(processExitsWith: .success) { [realm = realm as Realm] in
            realm.enter()
            let error = #expect(throws: KerberosCacheMismatch.self) {
                try KerberosCredentialCache.copy(from: realm.annCache, user: "bob")
            }
            #expect(error?.wanted == realm.bob && error?.found == realm.ann && error?.cache == realm.annCache)
            #expect(error.map { KerberosFailure($0.underlying).symbolicName } == "KRB5_CC_NOTFOUND")
            #expect(KerberosCredentialCache.keytab(realm.annKeytab, has: "ann"))
            #expect(!KerberosCredentialCache.keytab(realm.annKeytab, has: "bob"))
            #expect(!KerberosCredentialCache.keytab("/nonexistent", has: "ann"))
        }
    }

    /// The KDC proves its identity by a ticket that a key of this host decrypts; a forged one does not.
    @Test func theKDCIsVerifiedWithAHostKey() async throws {
        let shared = try await SharedRealm.shared
        let name = "host/verify-\(UUID().uuidString.lowercased())"
        try await shared.realm.addPrincipal(name)
        let old = try await shared.realm.makeKeytab(for: [name])
        try await shared.realm.changeKey(name, keepingVersion: true)
        let new = try await shared.realm.makeKeytab(for: [name])
        var realm = Realm(shared)
        realm.host = .init(name: name, old: old, new: new)
        await #expect(processExitsWith: .success) { [realm = realm as Realm] in
            realm.enter()
            let host = try #require(realm.host)
            // Any key of a host's, too.
            for service in [host.name, nil] {
                let good = KerberosVerification(service: service, keytab: host.new)
                #expect(try realm.request(realm.ann, good).principal == realm.ann)
                let keyed = try KerberosCredentialCache.request(
                    user: realm.ann, keytab: realm.annKeytab, verification: good)
                #expect(keyed.principal == realm.ann)
                for keytab in [host.old, "/nonexistent"] {
                    let error = #expect(throws: GSSError.self) {
                        try realm.request("ann", KerberosVerification(service: service, keytab: keytab))
                    }
                    #expect(error?.call == "krb5_verify_init_creds", "\(String(describing: error))")
                }
            }
            // MIT Kerberos tries those of hosts only.
            let other = KerberosVerification(keytab: realm.serviceKeytab)
            let error = #expect(throws: GSSError.self) { try realm.request("ann", other) }
            #expect(error?.call == "krb5_verify_init_creds")
        }
    }

    @Test func anEmptyPasswordIsRefused() {
        for password in [[], [0x61, 0, 0x62]] as [[UInt8]] {
            do throws(GSSError) {
                _ = try KerberosCredentialCache.request(user: "ann@EXAMPLE.TEST", password: Secret(bytes: password))
                Issue.record("a password that cannot be one is accepted")
            } catch {
                #expect(error.message.contains("empty"))
            }
        }
    }

    /// When the tickets are gone, neither the password nor anything made of it by copying is left in memory.
    @Test func noPasswordIsLeftInMemory() async throws {
        let realm = Realm(try await SharedRealm.shared)
        await #expect(processExitsWith: .success) { [realm = realm as Realm] in
            realm.enter()
            do {
                let tickets = try realm.request(realm.ann)
                _ = try tickets.credential(for: Self.service)
            }
            #expect(throws: GSSError.self) { try realm.request("nobody") }
            // The search finds what it looks for, in the one place where it is.
            let count = try realm.withPassword { try occurrences(of: $0) }
            #expect(count == 1)
            let withCopy = try realm.withPassword { password in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: password.count, alignment: 1)
                defer { copy.deallocate() }
                copy.copyMemory(from: password)
                return try occurrences(of: password)
            }
            #expect(withCopy == 2)
        }
    }
}
