import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The output file of a report.
enum OutputFile {
    /// Atomically replaces a regular file, or the symbolic link itself: a reader gets the old file or the new
    /// one, which has the old permissions. To anything else, such as a device, it is written directly.
    static func write(_ text: String, to path: String) throws(Errno) {
        // /dev/stdout points to a file if the output is one, and the link itself is shared.
        if path.utf8.starts(with: "/dev/".utf8) || path.utf8.starts(with: "/proc/".utf8) {
            return try writeInto(path, text)
        }
        var status = stat()
        let exists = lstat(path, &status) == 0
        let isLink = exists && status.st_mode & S_IFMT == S_IFLNK
        if exists, !isLink, status.st_mode & S_IFMT != S_IFREG { return try writeInto(path, text) }
        // A link to a device.
        if isLink, stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return try writeInto(path, text) }
        let mode = exists && !isLink ? status.st_mode & 0o7777 : nil
        // An unguessable name, and a new file: in a folder that others can write to, there may be a
        // planted link.
        let temporary = "\(path).\(UInt64.random(in: 0...UInt64.max)).new"
        do throws(Errno) {
            try replace(temporary, path, text, mode)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func replace(
        _ temporary: String, _ path: String, _ text: String, _ mode: mode_t?
    ) throws(Errno) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = FileDescriptor(rawValue: open(temporary, flags, 0o644))
        guard file.rawValue >= 0 else { throw Errno(rawValue: errno) }
        if let mode { _ = fchmod(file.rawValue, mode) }
        do {
            try file.closeAfter { _ = try file.writeAll(text.utf8) }
        } catch {
            // Some file systems report a full disk only on close.
            throw error as? Errno ?? Errno(rawValue: EIO)
        }
        guard rename(temporary, path) == 0 else { throw Errno(rawValue: errno) }
    }

    /// A named pipe without a reader is not waited for.
    private static func writeInto(_ path: String, _ text: String) throws(Errno) {
        let descriptor = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        let error = StandardStreams.write(ArraySlice(text.utf8), to: descriptor)
        let isClosed = close(descriptor) == 0 || errno == EINTR
        if let error { throw Errno(rawValue: error) }
        guard isClosed else { throw Errno(rawValue: errno) }
    }
}
