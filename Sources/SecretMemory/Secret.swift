/// Secret bytes, such as a password.
///
/// The bytes are wiped when the last copy of the value is released. No description, reflection or debug print shows
/// them. The caller must wipe what it derives from them inside ``withBytes(_:)``.
public struct Secret: Sendable {
    private final class Storage: Sendable {
        /// Raw memory, so that no copy-on-write array leaves a second copy behind.
        private let address: UInt
        let count: Int

        init(_ bytes: some Collection<UInt8>) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
            buffer.copyBytes(from: bytes)
            // So that C can be lent the same memory.
            buffer[bytes.count] = 0
            address = UInt(bitPattern: buffer.baseAddress)
            count = bytes.count
        }

        var buffer: UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: count)
        }

        deinit {
            SecretMemory.wipe(buffer)
            buffer.deallocate()
        }
    }

    private let storage: Storage

    /// Stores the UTF-8 bytes of a text.
    public init(_ text: String) {
        storage = Storage(text.utf8)
    }

    /// Stores bytes.
    public init(bytes: some Collection<UInt8>) {
        storage = Storage(bytes)
    }

    /// The number of bytes.
    public var count: Int { storage.count }

    /// Whether there are no bytes.
    public var isEmpty: Bool { count == 0 }

    /// Lends the bytes with a terminating NUL for C, for the duration of a call.
    package func withCString<R, E: Error>(_ body: (UnsafePointer<CChar>?) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(storage.buffer.baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) })
    }

    /// Lends the bytes for the duration of a call.
    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeRawBufferPointer(storage.buffer))
    }
}

extension Secret: Hashable {
    /// Compares in a time that depends on the lengths only, not on where the bytes differ.
    public static func == (one: Secret, other: Secret) -> Bool {
        one.withBytes { first in
            other.withBytes { second in
                guard first.count == second.count else { return false }
                return zip(first, second).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
            }
        }
    }

    /// Adds nothing: a hash would reveal something about the secret.
    public func hash(into hasher: inout Hasher) {}
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The placeholder for a secret in every text.
    package static var redacted: String { "<redacted>" }

    /// Always the same placeholder.
    public var description: String { Self.redacted }
    /// Always the same placeholder.
    public var debugDescription: String { description }
    /// Shows nothing of the secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Overwrites memory in a way that an optimizer may not remove as a dead store.
@inline(never)
@_optimize(none)
func wipe(_ buffer: UnsafeMutableRawBufferPointer) {
    for index in buffer.indices { buffer[index] = 0 }
}

/// Overwrites an array that held a secret, then empties it.
///
/// Works on the caller's storage only if no other copy shares it; do not copy such arrays.
public func wipe<Element: BitwiseCopyable>(_ elements: inout [Element]) {
    elements.withUnsafeMutableBytes { wipe($0) }
    elements.removeAll(keepingCapacity: false)
}
