/// One authentication, step by step, with no input or output of its own.
///
/// The owner carries bytes: each ``step(_:)`` takes the server's challenge and gives the response to send. An exchange
/// is synchronous and has one owner; it is not `Sendable` on purpose.
///
/// **No data is not empty data.** `nil` means that the protocol carried no challenge at all; an empty array means that
/// it carried one of zero length. RFC 4422 section 3 tells them apart, and so does GSSAPI, whose client must answer
/// the server's last context token with an empty response.
///
/// **Success needs both sides.** A conversation has succeeded only when the server says so *and* ``isComplete`` is
/// true. A server's word alone proves nothing.
public protocol SaslExchange: AnyObject {
    /// Takes the server's challenge and gives what to do next.
    ///
    /// The first call of a client-first mechanism gets `nil`. After ``isComplete`` the server's outcome may still
    /// bring data; give it to ``step(_:)`` too, which throws where the mechanism allows none.
    ///
    /// - Parameter challenge: The server's bytes, at most ``SaslLimits/maximumTokenLength``; `nil` when it sent none.
    /// - Throws: ``SaslError``. The exchange is poisoned from then on.
    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep

    /// Whether the mechanism has everything it needs: nothing is left to send, and the server has given every proof
    /// that the mechanism defines.
    var isComplete: Bool { get }

    /// The layer that protects everything after the exchange. Mechanisms without layers give ``NoSecurityLayer``.
    ///
    /// - Throws: ``SaslError/Code/incomplete`` before ``isComplete``.
    func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer
}

extension SaslExchange {
    /// The default for mechanisms that negotiate no layer.
    ///
    /// - Throws: ``SaslError/Code/incomplete`` before ``isComplete``.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        guard isComplete else {
            throw SaslError(.incomplete, "a security layer exists only after the exchange is complete")
        }
        return NoSecurityLayer()
    }
}

/// What an exchange wants done after a step.
public enum SaslStep: Sendable, Hashable {
    /// Send this response, which may be empty, and bring the server's answer.
    case respond([UInt8])
    /// Nothing is left to send: the server's outcome is all that is missing.
    case done
}

/// Limits on what an exchange accepts and produces.
public enum SaslLimits {
    /// The longest challenge or response, in bytes: 1 MiB.
    public static let maximumTokenLength = 1 << 20

    /// Refuses a challenge that is too long, before anything looks into it.
    ///
    /// - Throws: ``SaslError/Code/tooLarge``.
    public static func check(challenge: [UInt8]?) throws(SaslError) {
        guard let challenge, challenge.count > maximumTokenLength else { return }
        throw SaslError(
            .tooLarge, "the server's challenge has \(challenge.count) bytes, more than \(maximumTokenLength)")
    }
}
