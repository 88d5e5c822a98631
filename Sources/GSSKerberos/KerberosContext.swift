internal import CKerberosGSSAPI
internal import GSSCore

/// One context of the C library. Released with its last reference; its owner ensures that one thread at a time uses it.
final class KerberosContext: GSSContextHandle {
    private enum Role {
        case initiator(GSSInitiatorRequest, target: KerberosName)
        case acceptor(GSSAcceptorRequest)
    }

    private let role: Role
    private let credential: KerberosCredential?
    private let targetText: String?
    private var context: gss_ctx_id_t?
    private var delegated: KerberosCredential?

    /// An initiator's context. Without a credential the library's default is used.
    init(_ request: GSSInitiatorRequest, credential: KerberosCredential?) throws(GSSError) {
        let target = request.target
        // Another service's name would make the library look for a ticket; one that holds a ticket never waits.
        if let ticket = credential?.ticket,
            target.syntax != .kerberosPrincipal || !isSameText(target.text, GSSName.principal(ticket.server).text)
        {
            throw GSSError(
                call: "gss_init_sec_context", major: .init(.noCredential),
                majorMessages: ["the credential holds a ticket for \(ticket.server) only"], subject: target.text)
        }
        let name = if let known = credential?.target { known } else { try KerberosName(target) }
        role = .initiator(request, target: name)
        targetText = target.description
        // GSS-SPNEGO takes the flags for the layer that is wanted.
        // The library's default would negotiate any other mechanism of this machine, and some of those prove nothing.
        let isSPNEGO = request.mechanism == .spnego
        let own = if let credential { credential } else { isSPNEGO ? try KerberosCredential() : nil }
        self.credential = try own?.speaking(
            request.mechanism,
            exactFlags: isSPNEGO && !request.flags.isSuperset(of: [.integrity, .confidentiality]))
    }

    /// An acceptor's context.
    init(_ request: GSSAcceptorRequest, credential: KerberosCredential?) throws(GSSError) {
        role = .acceptor(request)
        targetText = nil
        if let mechanism = request.mechanism {
            let own = if let credential { credential } else { try KerberosCredential(usage: .accept) }
            self.credential = try own.speaking(mechanism)
        } else {
            self.credential = credential
        }
    }

    deinit {
        release()
    }

    private func release() {
        var minor: OM_uint32 = 0
        try? ExitGate.run { _ = gss_delete_sec_context(&minor, &context, nil) }
    }

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        switch role {
        case .initiator(let request, let target):
            return try progress("gss_init_sec_context", token) {
                minor, input, output, granted, actual in
                withCredential { credential in
                    GSSBuffers.withIdentifier(request.mechanism) { mechanism in
                        GSSBuffers.withChannelBindings(request.channelBindings) { bindings in
                            gss_init_sec_context(
                                minor, credential, &context, target.handle, mechanism, request.flags.rawValue, 0,
                                bindings, input, actual, output, granted, nil)
                        }
                    }
                }
            }
        case .acceptor(let request):
            return try progress("gss_accept_sec_context", token) {
                minor, input, output, granted, actual in
                withCredential { credential in
                    GSSBuffers.withChannelBindings(request.channelBindings) { bindings in
                        var handed: gss_cred_id_t?
                        let major = gss_accept_sec_context(
                            minor, &context, credential, input, bindings, nil, actual, output, granted, nil, &handed)
                        if let handed { delegated = KerberosCredential(adopting: handed, usage: .initiate) }
                        return major
                    }
                }
            }
        }
    }

    func delegatedCredential() -> (any GSSDelegatedCredential)? { delegated }

    private func progress(
        _ call: String, _ token: [UInt8]?,
        _ body: (
            UnsafeMutablePointer<OM_uint32>, UnsafeMutablePointer<gss_buffer_desc>?,
            UnsafeMutablePointer<gss_buffer_desc>, UnsafeMutablePointer<OM_uint32>, UnsafeMutablePointer<gss_OID?>
        ) -> OM_uint32
    ) throws(GSSError) -> GSSContextProgress {
        var minor: OM_uint32 = 0
        var granted: OM_uint32 = 0
        var actual: gss_OID?
        let (major, output) = try GSSBuffers.collect { output in
            GSSBuffers.withOptionalInput(token) { body(&minor, $0, output, &granted, &actual) }
        }
        do {
            let information = try GSSMajorStatus.check(call, major, minor, subject: targetText)
            if !information.contains(.continueNeeded) { try check(actual, call) }
            return GSSContextProgress(
                token: output.isEmpty ? nil : output, isComplete: !information.contains(.continueNeeded),
                flags: GSSContextFlags(rawValue: granted))
        } catch {
            release()
            throw error
        }
    }

    /// Checks that the mechanism of the context is Kerberos, perhaps within SPNEGO: an adopted credential may have
    /// others, for example NTLM, which claims mutual authentication without providing it.
    private func check(_ actual: gss_OID?, _ call: String) throws(GSSError) {
        let mechanism = GSSBuffers.identifier(actual)
        guard [.kerberos5, .kerberos5OfWindows2000].contains(mechanism) else {
            throw GSSError(
                call: call, major: .init(.badMechanism),
                majorMessages: ["the context is of the mechanism \(mechanism), not of Kerberos"],
                subject: targetText)
        }
    }

    private func withCredential<R>(_ body: (gss_cred_id_t?) -> R) -> R {
        guard let credential else { return body(nil) }
        return credential.withHandle(body)
    }

    func initiatorName() throws(GSSError) -> String {
        var minor: OM_uint32 = 0
        var source: gss_name_t?
        let major = try ExitGate.run { gss_inquire_context(&minor, context, &source, nil, nil, nil, nil, nil, nil) }
        let name = source.map(KerberosName.init(adopting:))
        try GSSMajorStatus.check("gss_inquire_context", major, minor)
        return try name?.display() ?? ""
    }

    func inquire() throws(GSSError) -> GSSContextInfo {
        var minor: OM_uint32 = 0
        var source: gss_name_t?
        var target: gss_name_t?
        var lifetime: OM_uint32 = 0
        var mechanism: gss_OID?
        var flags: OM_uint32 = 0
        var isInitiator: Int32 = 0
        let major = try ExitGate.run {
            gss_inquire_context(
                &minor, context, &source, &target, &lifetime, &mechanism, &flags, &isInitiator, nil)
        }
        let sourceName = source.map(KerberosName.init(adopting:))
        let targetName = target.map(KerberosName.init(adopting:))
        try GSSMajorStatus.check("gss_inquire_context", major, minor)
        return GSSContextInfo(
            flags: GSSContextFlags(rawValue: flags),
            lifetime: Self.bounded(
                lifetime == cgss_lifetime_indefinite() ? nil : .seconds(Int64(lifetime)), credential),
            initiatorName: try sourceName?.display() ?? "",
            acceptorName: try targetName?.display() ?? "",
            mechanism: GSSBuffers.identifier(mechanism),
            isInitiator: isInitiator != 0)
    }

    private static func bounded(_ lifetime: Duration?, _ credential: KerberosCredential?) -> Duration? {
        credential.map { $0.bounded(lifetime) } ?? lifetime
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        var minor: OM_uint32 = 0
        var isConfidential: Int32 = 0
        let (major, bytes) = try GSSBuffers.collect { output in
            GSSBuffers.withInput(message) { input in
                gss_wrap(&minor, context, confidential ? 1 : 0, cgss_default_qop(), input, &isConfidential, output)
            }
        }
        try GSSMajorStatus.check("gss_wrap", major, minor)
        return GSSWrappedMessage(bytes: bytes, isConfidential: isConfidential != 0)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        var minor: OM_uint32 = 0
        var isConfidential: Int32 = 0
        let (major, bytes) = try GSSBuffers.collect { output in
            GSSBuffers.withInput(message) { gss_unwrap(&minor, context, $0, output, &isConfidential, nil) }
        }
        let information = try GSSMajorStatus.check("gss_unwrap", major, minor)
        return GSSUnwrappedMessage(bytes: bytes, isConfidential: isConfidential != 0, information: information)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        var minor: OM_uint32 = 0
        var limit: OM_uint32 = 0
        let major = try ExitGate.run {
            gss_wrap_size_limit(&minor, context, confidential ? 1 : 0, cgss_default_qop(), outputLength, &limit)
        }
        try GSSMajorStatus.check("gss_wrap_size_limit", major, minor)
        return limit
    }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        var minor: OM_uint32 = 0
        let (major, bytes) = try GSSBuffers.collect { output in
            GSSBuffers.withInput(message) { gss_get_mic(&minor, context, cgss_default_qop(), $0, output) }
        }
        try GSSMajorStatus.check("gss_get_mic", major, minor)
        return bytes
    }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        var minor: OM_uint32 = 0
        let major = try ExitGate.run {
            GSSBuffers.withInput(message) { messageBuffer in
                GSSBuffers.withInput(code) { gss_verify_mic(&minor, context, messageBuffer, $0, nil) }
            }
        }
        return try GSSMajorStatus.check("gss_verify_mic", major, minor)
    }
}

extension GSSObjectIdentifier {
    /// Kerberos by the identifier that Windows 2000 sent, which lacks one bit.
    fileprivate static let kerberos5OfWindows2000 = GSSObjectIdentifier(
        derContents: [0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02])
}
