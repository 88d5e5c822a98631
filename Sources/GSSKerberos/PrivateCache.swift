internal import CKerberosGSSAPI
internal import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A cache in memory whose name only its owner knows. Its keys are wiped with the last reference.
final class PrivateCache: Sendable {
    let name: String
    /// A context that stays idle until it destroys the cache. As long as there is one, libkrb5 keeps the parsed
    /// configuration and does not read the files again.
    private let idle: UInt

    /// Makes an empty cache.
    ///
    /// - Parameter source: A context that knows the KDC's clock offset, from the cache that it has opened or from
    ///   an answer. The cache stores that, and passes it to each context that opens it (`kdc_timesync`).
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
        // The library does not remove its entry before the end of the process.
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

/// A file's stamp: replacing or writing the file changes it.
package struct FileStamp: Sendable, Hashable {
    private var numbers: [Int64]
    /// How many bytes it has.
    var size: Int { Int(numbers[2]) }
    /// Whether it is a regular file, not a pipe or device.
    let isRegular: Bool

    /// Looks at a file.
    ///
    /// - Parameter name: The full name of a cache or keytab.
    /// - Returns: `nil` if it is not a file, or does not exist.
    package init?(_ name: String) {
        var status = stat()
        guard let path = Self.path(name), stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    private static func path(_ name: String) -> String? {
        ["FILE:", "DIR::", "WRFILE:"].first { name.utf8.starts(with: $0.utf8) }
            .map { String(Substring(name.utf8.dropFirst($0.utf8.count))) }
    }

    /// Truncates the file to its earlier length, if it is the same file and has grown by less than so many bytes since.
    func restoreLength(of name: String, atMost growth: Int) {
        guard let path = Self.path(name) else { return }
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        #if os(Linux)
        // The lock that the library takes to write: F_OFD_SETLK, which Swift does not import.
        let setLock: Int32 = 37
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        guard fcntl(descriptor, setLock, &lock) == 0 else { return }
        #endif
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        let now = FileStamp(status)
        guard now.numbers.prefix(2) == numbers.prefix(2), now.size > size, now.size - size < growth else { return }
        _ = ftruncate(descriptor, off_t(size))
    }

    private init(_ status: stat) {
        #if canImport(Darwin)
        let time = status.st_mtimespec
        #else
        let time = status.st_mtim
        #endif
        isRegular = status.st_mode & S_IFMT == S_IFREG
        numbers = [
            Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino)), Int64(status.st_size),
            Int64(time.tv_sec), Int64(time.tv_nsec),
        ]
    }
}
