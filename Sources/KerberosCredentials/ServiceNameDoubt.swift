/// What is doubtful about the Kerberos name of a service. The set is open.
@nonexhaustive
public enum ServiceNameDoubt: Sendable, Hashable {
    /// The service's host was given with a port, which is no part of a principal; `used` is what is left.
    case hostHadPort(given: String, used: String)
    /// The host could not be made canonical, so that the name before that had to do; `reasons` says why.
    case canonicalizationFellBack(host: String, reasons: [String])
    /// The host is an address, and principals are normally made for names.
    case hostIsAddress(String)
}
