public import GSSCore
public import SASL

extension GSSChannelBindings {
    /// The bindings of a TLS connection: the kind, a colon, and the data (RFC 5056 section 2.1).
    public init(_ binding: SaslChannelBinding) {
        self.init(applicationData: Array("\(binding.kind.rawValue):".utf8) + binding.data)
    }
}
