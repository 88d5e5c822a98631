internal import CKerberosGSSAPI
public import GSSCore

/// An imported name: the C handle and its release. The library's object may be shared among threads.
final class KerberosName: Sendable {
    private let address: UInt

    /// Takes ownership of the library's handle.
    init(adopting handle: gss_name_t) {
        address = UInt(bitPattern: handle)
    }

    /// Valid as long as this object.
    var handle: gss_name_t? { OpaquePointer(bitPattern: address) }

    /// Imports a name. Reads the Kerberos configuration, and asks the DNS if configured: it may block.
    convenience init(_ name: GSSName) throws(GSSError) {
        guard !name.text.utf8.contains(0), !name.text.isEmpty else {
            throw GSSError(
                call: "gss_import_name", major: GSSMajorStatus(.badName),
                majorMessages: ["the name is empty or holds a NUL character"])
        }
        try ConfigurationIncludes.check()
        var minor: OM_uint32 = 0
        var imported: gss_name_t?
        let major = try ExitGate.run {
            GSSBuffers.withInput(Array(name.text.utf8)) { buffer in
                GSSBuffers.withIdentifier(name.syntax.identifier) { gss_import_name(&minor, buffer, $0, &imported) }
            }
        }
        try GSSMajorStatus.check("gss_import_name", major, minor, subject: name.text)
        guard let imported else {
            throw GSSError(call: "gss_import_name", major: GSSMajorStatus(.badName), subject: name.text)
        }
        self.init(adopting: imported)
    }

    deinit {
        var minor: OM_uint32 = 0
        var name: gss_name_t? = handle
        try? ExitGate.run { _ = gss_release_name(&minor, &name) }
    }

    /// The name as text, for Kerberos a principal with its realm.
    func display() throws(GSSError) -> String {
        var minor: OM_uint32 = 0
        let (major, bytes) = try GSSBuffers.collect { gss_display_name(&minor, handle, $0, nil) }
        try GSSMajorStatus.check("gss_display_name", major, minor)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The name as Kerberos will use it; a host-based service's host is canonicalized if so
    /// configured.
    func canonicalized() throws(GSSError) -> KerberosName {
        var minor: OM_uint32 = 0
        var canonical: gss_name_t?
        let major = try ExitGate.run {
            GSSBuffers.withIdentifier(.kerberos5) { gss_canonicalize_name(&minor, handle, $0, &canonical) }
        }
        try GSSMajorStatus.check("gss_canonicalize_name", major, minor)
        guard let canonical else {
            throw GSSError(call: "gss_canonicalize_name", major: GSSMajorStatus(.badName))
        }
        return KerberosName(adopting: canonical)
    }
}

extension GSSName {
    /// The full Kerberos principal of this name on this machine, with the default realm if none is
    /// given. A host-based service keeps an empty realm, which the KDC's referrals fill in.
    ///
    /// Reads the Kerberos configuration and may block.
    public func kerberosPrincipal() throws(GSSError) -> String {
        try KerberosName(self).canonicalized().display()
    }
}
