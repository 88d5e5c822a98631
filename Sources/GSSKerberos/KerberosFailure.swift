internal import CKerberosGSSAPI
public import GSSCore

/// A GSS or Kerberos error with the name of its code, to search for and to select advice by.
public struct KerberosFailure: Sendable, Hashable {
    /// The error: the call that failed, both status codes and the library's texts for them.
    public var error: GSSError
    /// The minor status, as libkrb5 counts it.
    public var code: Int32
    /// The name of the minor status in MIT's headers, for example `KRB5_FCC_NOFILE`; `nil` for one that has none.
    public var symbolicName: String?

    /// Reads an error.
    public init(_ error: GSSError) {
        self.error = error
        code = Int32(bitPattern: error.minor)
        symbolicName = Self.symbolicName(of: code)
    }

    /// The name of a status code in MIT's headers.
    public static func symbolicName(of code: Int32) -> String? {
        cgss_kerberos_error_name(code).map { String(cString: $0) }
    }
}
