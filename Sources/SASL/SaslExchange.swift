/// A mechanism's part of one authentication, step by step, with no input or output of its own.
///
/// A ``SaslSession`` owns it and is the only one to call ``step(_:)`` and ``makeSecurityLayer()``. It enforces order,
/// limits, poisoning and completeness, so that an exchange need not. The exchange enforces what only the mechanism
/// knows: that each challenge is well-formed and proves what it must, and what may follow the last one. An exchange is
/// synchronous and has one owner; it is intentionally not `Sendable`.
///
/// **No data is not empty data.** `nil` means that the protocol carried no challenge at all; an empty array means that
/// it carried one of zero length. RFC 4422 section 3 tells them apart, and so does GSSAPI, whose client must answer
/// the server's last context token with an empty response.
public protocol SaslExchange: AnyObject {
    /// Processes the server's challenge and returns what to do next.
    ///
    /// Not called again after it has thrown. After ``isComplete`` it is called with any further data of the
    /// server, and throws if the mechanism allows none.
    ///
    /// - Parameter challenge: The server's bytes, at most ``SaslLimits/maximumTokenLength``; `nil` when it sent none.
    ///   The first step of a client-first mechanism always gets `nil`, that of a server-first mechanism never.
    /// - Throws: ``SaslError``.
    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep

    /// Whether the next step may take long, if this is its challenge. Asked only where the mechanism's traits say that
    /// a step may (``SaslMechanismTraits/mayBlock``). An exchange need not implement it: then each of its steps may.
    func mayBlock(on challenge: [UInt8]?) -> Bool

    /// Whether the mechanism has everything it needs: nothing is left to send, and the server has given every proof
    /// that the mechanism defines. After a step that threw, its value is meaningless.
    var isComplete: Bool { get }

    /// The layer that protects everything after the exchange. Called only when ``isComplete``. Mechanisms without
    /// layers need not implement it.
    func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer
}

extension SaslExchange {
    /// True: the mechanism's trait applies to every step.
    public func mayBlock(on challenge: [UInt8]?) -> Bool { true }

    /// For mechanisms that negotiate no layer: ``NoSecurityLayer``.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer { NoSecurityLayer() }
}

/// What an exchange wants done after a step.
@frozen public enum SaslStep: Sendable, Hashable {
    /// Send this response, which may be empty, and pass the server's answer to the next step.
    case respond([UInt8])
    /// Nothing is left to send: only the server's outcome is missing.
    case done
}
