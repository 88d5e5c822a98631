import Foundation
import GSSCore
import GSSKerberos
import Glibc
import KerberosTestKit
import TestSupport
import Testing

/// Tickets in a private cache: where they come from, and what becomes of them.
@Suite struct TicketsTests {
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
        func request(_ user: String, _ store: KerberosCredentialStore = .init()) throws -> KerberosTickets {
            try withPassword { try KerberosTickets.request(user: user, password: $0, store: store) }
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
            let credential = try KerberosCredential(name: .principal(realm.ann), store: store)
            _ = try credential.inquire()
            let tickets = try KerberosTickets.copy(from: "\(type):mine", user: "ann")
            #expect(
                tickets.principal == realm.ann && tickets.origin?.hasPrefix("\(type):mine") == true
                    && tickets.areCurrent)
            #expect(try tickets.ticket(for: Self.service) == nil)
            #expect(try tickets.getTicket(for: Self.service) > .now)
            #expect(try tickets.ticket(for: Self.service) != nil)
            // Nobody else's cache is taken for that of a user.
            #expect(throws: KerberosCacheMismatch.self) {
                try KerberosTickets.copy(from: "\(type):mine", user: realm.bob)
            }
            #expect(throws: GSSError.self) { try KerberosTickets.copy(from: "\(type):other", user: realm.ann) }
            #expect(throws: GSSError.self) { try KerberosTickets.copy(from: nil, user: realm.ann) }
        }
    }

    @Test func aMismatchNamesBoth() async throws {
        let realm = Realm(try await SharedRealm.shared)
        await #expect(processExitsWith: .success) { [realm = realm as Realm] in
            realm.enter()
            let error = #expect(throws: KerberosCacheMismatch.self) {
                try KerberosTickets.copy(from: realm.annCache, user: "bob")
            }
            #expect(error?.wanted == realm.bob && error?.found == realm.ann && error?.cache == realm.annCache)
            #expect(error.map { KerberosFailure($0.underlying).kind } == .noCredentials)
            #expect(KerberosTickets.keytab(realm.annKeytab, has: "ann"))
            #expect(!KerberosTickets.keytab(realm.annKeytab, has: "bob"))
            #expect(!KerberosTickets.keytab("/nonexistent", has: "ann"))
        }
    }

    /// The KDC proves itself by a ticket that a key of this host opens; one that somebody else made does not.
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
            for verify in [host.name, ""] {
                let good = KerberosCredentialStore(keytab: host.new, verify: verify)
                #expect(try realm.request(realm.ann, good).principal == realm.ann)
                let keyed = KerberosCredentialStore(clientKeytab: realm.annKeytab, keytab: host.new, verify: verify)
                #expect(try KerberosTickets.request(user: realm.ann, store: keyed).principal == realm.ann)
                for keytab in [host.old, "/nonexistent"] {
                    let bad = KerberosCredentialStore(keytab: keytab, verify: verify)
                    let error = #expect(throws: GSSError.self) { try realm.request("ann", bad) }
                    #expect(error?.call == "krb5_verify_init_creds", "\(String(describing: error))")
                }
            }
        }
    }

    @Test func anEmptyPasswordIsRefused() {
        for password in [[], [0x61, 0, 0x62]] as [[UInt8]] {
            password.withUnsafeBytes { bytes in
                do throws(GSSError) {
                    _ = try KerberosTickets.request(user: "ann@EXAMPLE.TEST", password: bytes)
                    Issue.record("a password that cannot be one is accepted")
                } catch {
                    #expect(error.message.contains("empty"))
                }
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
                _ = try tickets.getTicket(for: Self.service)
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
