internal import NIOCore
internal import NameResolution

extension TimeAmount {
    /// The time until an instant of Swift's monotonic clock; zero if it has passed.
    static func until(_ deadline: ContinuousClock.Instant) -> TimeAmount {
        // A deadline that is decades away must not overflow the event loop's nanoseconds.
        TimeAmount(max(.zero, min(deadline - .now, .seconds(86_400 * 365))))
    }
}

extension SocketAddress {
    /// An address and a port, with the scope of a link-local IPv6 address.
    init(_ address: IPAddress, port: UInt16) throws {
        guard address.scopeID == 0 else {
            // Only the system's resolver fills in a scope; for a literal it makes no request.
            self = try SocketAddress.makeAddressResolvingHost(address.description, port: Int(port))
            return
        }
        try self.init(packedIPAddress: ByteBuffer(bytes: address.bytes), port: Int(port))
    }
}

extension IOError {
    /// The system's text for the error number.
    var systemMessage: String { SystemMessage.text(for: errnoCode) }
}
