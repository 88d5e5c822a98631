/// A warning about the Kerberos name of a service. The set is open.
@nonexhaustive
public enum ServiceNameDoubt: Sendable, Hashable {
    /// The service's host was given with a port, which is not part of a principal; `used` is the rest.
    case hostHadPort(given: String, used: String)
    /// The host could not be canonicalized, so the earlier name is used; `reasons` says why.
    case canonicalizationFellBack(host: String, reasons: [String])
    /// The host is an address, and principals are normally made for names.
    case hostIsAddress(String)
}
