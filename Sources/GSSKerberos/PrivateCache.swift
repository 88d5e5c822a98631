internal import CKerberosGSSAPI
internal import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A cache in memory that only its owner knows the name of. Its keys are wiped with the last reference.
final class PrivateCache: Sendable {
    let name: String
    /// A context that stays idle until it destroys the cache. As long as there is one, libkrb5 keeps the parsed
    /// configuration: nobody reads the files again.
    private let idle: UInt

    /// Makes an empty cache.
    ///
    /// - Parameter source: A context that knows by how much the KDC's clock is ahead, from the cache that it has opened or
    ///   from an answer. The cache keeps that, and gives it to each context that opens it (`kdc_timesync`).
    init(of owner: krb5_principal, clockOf source: KerberosLibrary) throws(GSSError) {
        let library = try KerberosLibrary()
        let cache = try library.make("krb5_cc_new_unique", release: { krb5_cc_destroy($0, $1) }) {
            krb5_cc_new_unique(library.context, "MEMORY", nil, $0)
        }
        guard let name = library.fullName(of: cache) else {
            throw GSSError(call: "krb5_cc_get_full_name", major: GSSMajorStatus(.failure))
        }
        let own = try Self.open(name, source)
        try source.check("krb5_cc_initialize", krb5_cc_initialize(source.context, own, owner))
        self.name = name
        idle = UInt(bitPattern: Unmanaged.passRetained(library).toOpaque())
        // What the library has entered it leaves with its end, which is not now.
        ExitGate.leave()
    }

    deinit {
        guard let idle = UnsafeRawPointer(bitPattern: idle), ExitGate.enter() else { return }
        Unmanaged<KerberosLibrary>.fromOpaque(idle).release()
    }

    func open(_ library: KerberosLibrary) throws(GSSError) -> krb5_ccache { try Self.open(name, library) }

    private static func open(_ name: String, _ library: KerberosLibrary) throws(GSSError) -> krb5_ccache {
        try library.make("krb5_cc_resolve", subject: name, release: { krb5_cc_close($0, $1) }) {
            krb5_cc_resolve(library.context, name, $0)
        }
    }
}

/// What a file is known by: whoever replaces it or writes to it changes some of it.
package struct FileStamp: Sendable, Hashable {
    private var numbers: [Int64]

    /// Looks at a file.
    ///
    /// - Parameter name: The full name of a cache or keytab.
    /// - Returns: `nil` for what is no file, or not there.
    package init?(_ name: String) {
        guard let prefix = ["FILE:", "DIR::", "WRFILE:"].first(where: { name.utf8.starts(with: $0.utf8) })
        else { return nil }
        var status = stat()
        guard stat(String(Substring(name.utf8.dropFirst(prefix.utf8.count))), &status) == 0 else { return nil }
        #if canImport(Darwin)
        let time = status.st_mtimespec
        #else
        let time = status.st_mtim
        #endif
        numbers = [
            Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino)), Int64(status.st_size),
            Int64(time.tv_sec), Int64(time.tv_nsec),
        ]
    }
}
