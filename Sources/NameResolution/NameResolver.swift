/// Turns names into addresses and back.
///
/// Every call ends at its deadline or when its task is cancelled, whatever the system's resolver does.
public protocol NameResolver: Sendable {
    /// The addresses of a host, the most preferred first (RFC 6724).
    ///
    /// - Parameters:
    ///   - host: A name, or a literal without brackets, which is not looked up.
    ///   - family: The family to ask for; `nil` is both, in one look-up and one order.
    ///   - deadline: When to give up.
    /// - Throws: ``NameResolutionError``, `CancellationError`. A literal of the other family is
    ///   ``NameResolutionError/Code/noAddress``.
    func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress]

    /// The name at the end of a host's chain of aliases (CNAME).
    ///
    /// - Throws: ``NameResolutionError``, `CancellationError`.
    func canonicalName(of host: String, by deadline: ContinuousClock.Instant) async throws -> String

    /// The name that an address belongs to (PTR). Never the address as text.
    ///
    /// - Throws: ``NameResolutionError``, `CancellationError`.
    func name(of address: IPAddress, by deadline: ContinuousClock.Instant) async throws -> String

    /// What a look-up waits for, as part of a sentence: "the name server 192.0.2.53". It returns at once.
    var respondents: String { get }
}

extension NameResolver {
    /// The name service, if no more is known.
    public var respondents: String { "the name service" }
}
