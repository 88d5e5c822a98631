import Foundation
import ModuleTestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Sockets of the system, without SwiftNIO in between.
enum Sockets {
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ call: String) {
            description = "\(call): \(String(cString: strerror(errno)))"
        }
    }

    /// Whether this machine has `::1`.
    static let hasIPv6 = (try? bound("::1", port: 0)).map { close($0.descriptor) } != nil

    /// A socket bound to an address and port; 0 lets the system choose.
    static func bound(_ address: String, port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        let isIPv6 = address.contains(":")
        let descriptor = stream(isIPv6)
        guard descriptor >= 0 else { throw Failure("socket") }
        var one: Int32 = 1
        if isIPv6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
        let status = withAddress(address, port) { bind(descriptor, $0, $1) }
        guard status == 0 else {
            defer { close(descriptor) }
            throw Failure("bind to \(address) port \(port)")
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) { buffer in
            _ = buffer.withMemoryRebound(to: sockaddr.self) {
                $0.baseAddress.map { getsockname(descriptor, $0, &length) }
            }
        }
        // The port stands at the same place in both families.
        let port = withUnsafeBytes(of: &storage) {
            UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
        return (descriptor, port)
    }

    /// Begins to connect and waits a moment: whether the connection is there (or refused).
    static func connect(_ address: String, _ port: UInt16, patience milliseconds: Int32) -> (
        descriptor: Int32, isOver: Bool
    ) {
        let descriptor = stream(address.contains(":"))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let status = withAddress(address, port) { address, length in
            #if canImport(Darwin)
            Darwin.connect(descriptor, address, length)
            #elseif canImport(Glibc)
            Glibc.connect(descriptor, address, length)
            #else
            Musl.connect(descriptor, address, length)
            #endif
        }
        guard status != 0 else { return (descriptor, true) }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return (descriptor, poll(&entry, 1, milliseconds) != 0)
    }

    /// The descriptors of this process that are connected, or on the way, to a port.
    static func descriptors(connectedTo port: UInt16) -> [Int32] {
        let inodes = Set(
            ["tcp", "tcp6"].flatMap { file in
                lines(of: "/proc/self/net/\(file)", with: ":\(hexadecimal(port)) ").compactMap { line -> String? in
                    let fields = line.split(separator: " ")
                    guard fields.count > 9, fields[2].hasSuffix(":" + hexadecimal(port)), fields[9] != "0" else {
                        return nil
                    }
                    return "socket:[\(fields[9])]"
                }
            })
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
            return target.map(inodes.contains) == true ? Int32(name) : nil
        }
    }

    /// An integer option of a socket.
    static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(4)
        getsockopt(descriptor, level, name, &value, &length)
        return value
    }

    /// The table may have thousands of lines of other processes, of which few matter.
    private static func lines(of file: String, with text: String) -> [String] {
        let table = contents(of: file)
        var lines: [String] = []
        var start = table.startIndex
        while let found = table.range(of: Data(text.utf8), in: start..<table.endIndex) {
            let newline = Data("\n".utf8)
            let lineStart = table.range(of: newline, options: .backwards, in: table.startIndex..<found.lowerBound)?
                .upperBound
            let lineEnd = table.range(of: newline, in: found.upperBound..<table.endIndex)?.lowerBound ?? table.endIndex
            lines.append(String(decoding: table[(lineStart ?? table.startIndex)..<lineEnd], as: UTF8.self))
            start = lineEnd
        }
        return lines
    }

    /// All of a file whose size the system does not know before it is read.
    private static func contents(of file: String) -> Data {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return Data() }
        defer { close(descriptor) }
        var contents = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return contents }
            contents.append(contentsOf: buffer[..<count])
        }
    }

    private static func hexadecimal(_ port: UInt16) -> String {
        let text = String(port, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - text.count) + text
    }

    private static func stream(_ isIPv6: Bool) -> Int32 {
        #if canImport(Glibc)
        socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
        socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func withAddress<R>(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        if text.contains(":") {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, text, &address.sin6_addr)
            return lend(&address, body)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return lend(&address, body)
    }

    private static func lend<A, R>(_ address: inout A, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<A>.size)) }
        }
    }
}

/// An address that neither accepts nor refuses: a listener whose queue is full drops what comes.
final class DeadListener: Sendable {
    let port: UInt16
    /// Whether a connect was seen to get no answer.
    let isDead: Bool
    private let descriptors: [Int32]

    /// Fills a listener's queue, on a thread that may wait for it.
    static func start(_ address: String, port: UInt16 = 0) async throws -> DeadListener {
        try await offThePool { try DeadListener(address, port: port) }
    }

    private init(_ address: String, port: UInt16) throws {
        let (listener, port) = try Sockets.bound(address, port: port)
        guard listen(listener, 0) == 0 else { throw Sockets.Failure("listen") }
        var descriptors = [listener]
        var isDead = false
        while !isDead, descriptors.count < 16 {
            let (descriptor, isOver) = Sockets.connect(address, port, patience: 200)
            descriptors.append(descriptor)
            isDead = !isOver
        }
        self.port = port
        self.isDead = isDead
        self.descriptors = descriptors
    }

    /// How many of the sockets to the port are this listener's own.
    var fillers: Int { descriptors.count - 1 }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }
}
