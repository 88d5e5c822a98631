#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A named file, inspected without waiting for the other end of a pipe. To be called on a worker.
enum BoundedFile {
    /// Why a file cannot be read.
    enum Problem: Error, Sendable, Hashable {
        case missing
        case mayNotRead
        /// A folder, a pipe, a device.
        case notRegular
        case tooLarge(limit: Int)
        /// The system's error.
        case other(Int32)

        /// The problem, as the end of a sentence that begins with the file.
        var text: String {
            switch self {
            case .missing: "does not exist"
            case .mayNotRead: "is not readable by this user"
            case .notRegular: "is not a regular file"
            case .tooLarge(let limit): "has more than \(limit) bytes"
            case .other(let number): "cannot be read: \(String(cString: strerror(number)))"
            }
        }

        init(_ number: Int32) {
            self =
                switch number {
                case ENOENT, ENOTDIR: .missing
                case EACCES, EPERM: .mayNotRead
                default: .other(number)
                }
        }
    }

    /// Opens a file and calls a closure with its descriptor and its attributes.
    private static func open<R>(
        _ path: String, limit: Int, _ body: (Int32, stat) throws(Problem) -> R
    ) throws(Problem) -> R {
        // Does not wait for a writer of a named pipe.
        let descriptor = Self.open(path)
        guard descriptor >= 0 else { throw Problem(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Problem(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        guard status.st_size <= limit else { throw .tooLarge(limit: limit) }
        return try body(descriptor, status)
    }

    private static func open(_ path: String) -> Int32 {
        #if canImport(Glibc)
        Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        #elseif canImport(Musl)
        Musl.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        #else
        Darwin.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        #endif
    }

    /// Whether a keytab ends within an entry. Reads the lengths of the entries, and no key.
    ///
    /// A file has two bytes of a version, and then entries, each preceded by its length: negative for a removed
    /// one, zero at the end.
    static func isKeytabCutOff(_ path: String, limit: Int) throws(Problem) -> Bool {
        try open(path, limit: limit) { descriptor, status throws(Problem) in
            func bytes(_ count: Int, at offset: Int) -> [UInt8] {
                var bytes = [UInt8](repeating: 0, count: count)
                let found = pread(descriptor, &bytes, count, off_t(offset))
                return Array(bytes.prefix(max(0, found)))
            }
            // The older form has its numbers in the byte order of the machine that wrote it.
            guard bytes(2, at: 0) == [5, 2] else { return false }
            var offset = 2
            while true {
                let number = bytes(4, at: offset)
                guard number.count == 4 else { return !number.isEmpty }
                let length = Int(Int32(bitPattern: number.reduce(0) { $0 << 8 | UInt32($1) }))
                guard length != 0 else { return false }
                offset += 4 + abs(length)
                guard offset <= Int(status.st_size) else { return true }
            }
        }
    }

    /// All that is in a file.
    static func contents(of path: String, limit: Int) throws(Problem) -> [UInt8] {
        try open(path, limit: limit) { descriptor, _ throws(Problem) in
            var contents = [UInt8](repeating: 0, count: limit + 1)
            var filled = 0
            while filled < contents.count {
                let count = contents.withUnsafeMutableBytes { buffer in
                    read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
                }
                if count == 0 { break }
                if count > 0 { filled += count } else if errno != EINTR { throw Problem(errno) }
            }
            guard filled <= limit else { throw .tooLarge(limit: limit) }
            return Array(contents[..<filled])
        }
    }
}

/// A file's owner and permissions, by its mode: access control lists are not checked.
struct FileOwnership: Sendable, Hashable {
    var user: UInt32
    var group: UInt32
    /// The permissions, for example `0o640`.
    var mode: UInt32
    var size: Int64
    /// In seconds since 1970.
    var modified: Int64
    /// The user's name, if it has one.
    var userName: String?
    /// The group's name, if it has one.
    var groupName: String?

    /// Inspects a file, which need not be readable.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Darwin)
        let time = status.st_mtimespec
        #else
        let time = status.st_mtim
        #endif
        self.init(
            user: status.st_uid, group: status.st_gid, mode: UInt32(status.st_mode & 0o7777),
            size: Int64(status.st_size),
            modified: Int64(time.tv_sec))
    }

    init(user: UInt32, group: UInt32, mode: UInt32, size: Int64 = 0, modified: Int64 = 0) {
        (self.user, self.group, self.mode, self.size, self.modified) = (user, group, mode, size, modified)
    }

    /// The same with names. May ask a directory service, without a time limit.
    func named() -> FileOwnership {
        var named = self
        var buffer = [CChar](repeating: 0, count: 16_384)
        var (account, foundAccount) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        if getpwuid_r(user, &account, &buffer, buffer.count, &foundAccount) == 0, foundAccount != nil {
            named.userName = account.pw_name.map { String(cString: $0) }
        }
        var (entry, foundEntry) = (CGroup(), UnsafeMutablePointer<CGroup>?.none)
        if getgrgid_r(group, &entry, &buffer, buffer.count, &foundEntry) == 0, foundEntry != nil {
            named.groupName = entry.gr_name.map { String(cString: $0) }
        }
        return named
    }
}

#if canImport(Glibc)
private typealias CGroup = Glibc.group
#elseif canImport(Musl)
private typealias CGroup = Musl.group
#else
private typealias CGroup = Darwin.group
#endif
