import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The file that a report goes into.
enum OutputFile {
    /// Replaces a regular file as a whole: whoever reads it meanwhile gets the old one or the new one. Into what is there and is
    /// something else, as a device, it is written.
    static func write(_ text: String, to path: String) throws(Errno) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            return try fill(path, text, options: [.closeOnExec])
        }
        let temporary = "\(path).\(getpid()).new"
        do throws(Errno) {
            try fill(temporary, text, options: [.create, .truncate, .closeOnExec])
            guard rename(temporary, path) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func fill(_ path: String, _ text: String, options: FileDescriptor.OpenOptions) throws(Errno) {
        do {
            let file = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: options, permissions: [.ownerReadWrite, .groupRead, .otherRead])
            do {
                try file.writeAll(text.utf8)
            } catch {
                try? file.close()
                throw error
            }
            // Some file systems say only then that there is no room.
            try file.close()
        } catch {
            throw error as? Errno ?? Errno(rawValue: EIO)
        }
    }
}
