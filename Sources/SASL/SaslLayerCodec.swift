/// Frames a security layer's messages on a byte stream (RFC 4422 section 3.7): four octets of length, most
/// significant first, before each protected buffer.
///
/// It does no I/O, and has one owner. Without a layer (``SaslSecurityLayers/none``) bytes pass unchanged. After an
/// error nothing more can be read or written: close the connection.
///
/// ```swift
/// var codec = SaslLayerCodec(try session.makeSecurityLayer())
/// send(try codec.encode(request))
/// for bytes in connection { handle(try codec.decode(bytes)) }
/// ```
public struct SaslLayerCodec: ~Copyable {
    private let layer: any SaslSecurityLayer
    /// The received part of an incomplete message: its length, then its bytes so far.
    private var buffered: [UInt8] = []
    private var hasFailed = false

    /// Takes ownership of a layer: nothing else may call it.
    public init(_ layer: any SaslSecurityLayer) {
        self.layer = layer
    }

    /// The layer's protection.
    public var protection: SaslSecurityLayers { layer.protection }

    /// Whether a message is incomplete: a stream that ends here is truncated.
    public var isInsideMessage: Bool { !buffered.isEmpty }

    /// Protects bytes, in as many messages as the peer's maximum requires; no bytes give no message.
    ///
    /// - Throws: ``SaslError``, see ``SaslSecurityLayer/wrap(_:)``; ``SaslError/Code/poisoned`` after any.
    public mutating func encode(_ bytes: [UInt8]) throws(SaslError) -> [UInt8] {
        try checkLiving()
        guard layer.protection != .none else { return bytes }
        hasFailed = true
        guard layer.maximumPlaintextLength > 0 else {
            throw SaslError(.securityLayer, "no message of the security layer fits into the peer's maximum size")
        }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 64)
        var rest = bytes[...]
        while !rest.isEmpty {
            let wrapped = try layer.wrap(Array(rest.prefix(layer.maximumPlaintextLength)))
            guard let length = UInt32(exactly: wrapped.count) else {
                throw SaslError(
                    .tooLarge, "the length of a protected message, \(wrapped.count) bytes, does not fit in four octets")
            }
            output += (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
            output += wrapped
            rest = rest.dropFirst(layer.maximumPlaintextLength)
        }
        hasFailed = false
        return output
    }

    /// Takes received bytes, in pieces of any size, and returns the content of the messages that are complete.
    ///
    /// A length is checked before any of its message is buffered, so at most
    /// ``SaslSecurityLayer/maximumCiphertextLength`` bytes are.
    ///
    /// - Throws: ``SaslError/Code/tooLarge`` for a message beyond that maximum, ``SaslError/Code/securityLayer`` for an
    ///   empty one; ``SaslError``, see ``SaslSecurityLayer/unwrap(_:)``; ``SaslError/Code/poisoned`` after any.
    public mutating func decode(_ bytes: [UInt8]) throws(SaslError) -> [UInt8] {
        try checkLiving()
        guard layer.protection != .none else { return bytes }
        hasFailed = true
        var output: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if buffered.count < 4 {
                buffered += Self.take(4 - buffered.count, of: &rest)
                guard buffered.count == 4 else { break }
            }
            let length = Int(buffered[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
            guard length <= layer.maximumCiphertextLength else {
                throw SaslError(
                    .tooLarge,
                    "a protected message of \(length) bytes exceeds the limit of \(layer.maximumCiphertextLength)")
            }
            guard length > 0 else { throw SaslError(.securityLayer, "a protected message is empty") }
            buffered += Self.take(4 + length - buffered.count, of: &rest)
            guard buffered.count == 4 + length else { break }
            output += try layer.unwrap(Array(buffered[4...]))
            buffered.removeAll(keepingCapacity: length <= 65_536)
        }
        hasFailed = false
        return output
    }

    private static func take(_ count: Int, of rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private func checkLiving() throws(SaslError) {
        if hasFailed {
            throw SaslError(.poisoned, "a message of this security layer failed before: the stream is dead")
        }
    }
}
