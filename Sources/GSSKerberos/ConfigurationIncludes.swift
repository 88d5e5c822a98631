internal import CKerberosGSSAPI
internal import GSSCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Looks for files of the Kerberos configuration that include themselves. libkrb5 follows them until its thread's
/// stack overflows, which ends the process.
enum ConfigurationIncludes {
    struct File: Hashable {
        var device: UInt64
        var number: UInt64
    }

    private struct Walk {
        var path: [File] = []
        var visits = 0

        static let maximumDepth = 100
        static let maximumVisits = 10_000
    }

    /// Whether nothing was found before: libkrb5, too, keeps what it has read.
    private static let isFine = Mutex(false)

    /// Throws if libkrb5 would not terminate. Any other error in a file is left to libkrb5.
    static func check() throws(GSSError) {
        guard !isFine.withLock({ $0 }) else { return }
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        guard krb5_get_default_config_files(&list) == 0, let list else { return }
        defer { krb5_free_config_files(list) }
        var (walk, position) = (Walk(), list)
        while let file = position.pointee {
            try follow(String(cString: file), from: nil, &walk)
            position += 1
        }
        isFine.withLock { $0 = true }
    }

    private static func follow(_ name: String, from includer: String?, _ walk: inout Walk) throws(GSSError) {
        guard let (file, text) = contents(of: name) else { return }
        walk.visits += 1
        let isTooMuch = walk.path.count >= Walk.maximumDepth || walk.visits > Walk.maximumVisits
        guard !walk.path.contains(file), !isTooMuch else {
            let what = isTooMuch ? "includes too many files" : "includes itself"
            throw GSSError(
                call: "krb5_init_context", major: GSSMajorStatus(.failure),
                minor: UInt32(bitPattern: Int32(KRB5_CONFIG_BADFORMAT)),
                minorMessages: ["\(name) \(what)" + (includer.map { ", by way of \($0)" } ?? "")], subject: name)
        }
        walk.path.append(file)
        defer { walk.path.removeLast() }
        for line in text.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            if let path = argument(of: "include", line) {
                try follow(path, from: name, &walk)
            } else if let path = argument(of: "includedir", line) {
                for entry in entries(of: path) { try follow("\(path)/\(entry)", from: name, &walk) }
            }
        }
    }

    /// A directive is at the very beginning of its line.
    private static func argument(of directive: String, _ line: ArraySlice<UInt8>) -> String? {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let rest = line.dropFirst(directive.utf8.count)
        guard line.starts(with: directive.utf8), let first = rest.first, isBlank(first) else { return nil }
        let words = rest.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        return words.isEmpty ? nil : String(decoding: Array(words), as: UTF8.self)
    }

    /// Those that libkrb5 reads: of letters, digits, `-` and `_` only, or with `.conf` at their end and no period at
    /// their beginning.
    static func entries(of folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream), names.count < Walk.maximumVisits {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let isPlain = name.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            let isConfiguration = name.first != UInt8(ascii: ".") && name.suffix(5).elementsEqual(".conf".utf8)
            if isPlain || isConfiguration { names.append(String(decoding: name, as: UTF8.self)) }
        }
        return names
    }

    /// `nil` for anything but a regular file of a sensible length.
    static func contents(of path: String) -> (File, [UInt8])? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            (0...(1 << 20)).contains(status.st_size)
        else { return nil }
        var (bytes, filled) = ([UInt8](repeating: 0, count: Int(status.st_size)), 0)
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled)
            }
            guard count > 0 else { break }
            filled += count
        }
        return (
            File(device: UInt64(truncatingIfNeeded: status.st_dev), number: UInt64(status.st_ino)),
            Array(bytes.prefix(filled))
        )
    }
}
