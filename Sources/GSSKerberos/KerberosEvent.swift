internal import CKerberosGSSAPI

/// Told of what happens while tickets are fetched, when it happens, on the thread where it happens: it must be quick.
public typealias KerberosObserver = @Sendable (KerberosEvent) -> Void

/// Something that happened while tickets were fetched.
@nonexhaustive
public enum KerberosEvent: Sendable, Hashable {
    /// A credential cache was read: its full name and whose tickets it has.
    case cacheRead(name: String, principal: String)
    /// A request goes to the KDCs of a realm, which libkrb5 tries one after the other.
    ///
    /// `ticket` is the service whose ticket is wanted in the end; the realm tells how far the way there has come. For the
    /// user's first ticket it is `krbtgt/REALM@REALM`. `bytes` is the request's length.
    case askingKDC(realm: String, ticket: String, bytes: Int)
    /// A KDC answered, with a ticket or a refusal. `bytes` is the answer's length.
    case kdcAnswered(realm: String, ticket: String, bytes: Int)
    /// No KDC of the realm could be found or answered. `code` is libkrb5's, see ``KerberosFailure/symbolicName(of:)``.
    case noKDCAnswered(realm: String, ticket: String, code: Int32)
    /// A ticket came from a KDC.
    case ticketObtained(KerberosTicket)
}

/// What libkrb5 calls before and after each exchange with a KDC.
final class KDCWatch {
    private let ticket: String
    private let observe: KerberosObserver?

    init(ticket: String, observe: KerberosObserver?) {
        self.ticket = ticket
        self.observe = observe
    }

    /// The context has no reference of its own: its owner keeps this one as long as it.
    func attach(to context: krb5_context) {
        let own = Unmanaged.passUnretained(self).toOpaque()
        krb5_set_kdc_send_hook(
            context,
            { _, watch, realm, message, _, _ in
                KDCWatch.tell(watch) {
                    .askingKDC(realm: KDCWatch.text(realm), ticket: $0, bytes: Int(message?.pointee.length ?? 0))
                }
                ExitGate.suspend()
                return 0
            }, own)
        krb5_set_kdc_recv_hook(
            context,
            { _, watch, code, realm, _, reply, _ in
                ExitGate.resume()
                KDCWatch.tell(watch) { ticket in
                    code == 0
                        ? .kdcAnswered(
                            realm: KDCWatch.text(realm), ticket: ticket, bytes: Int(reply?.pointee.length ?? 0))
                        : .noKDCAnswered(realm: KDCWatch.text(realm), ticket: ticket, code: code)
                }
                // 0 would say that the hook has an answer in place of the failure, and the library aborts without one.
                return code
            }, own)
    }

    private static func tell(_ watch: UnsafeMutableRawPointer?, _ event: (String) -> KerberosEvent) {
        guard let watch else { return }
        let own = Unmanaged<KDCWatch>.fromOpaque(watch).takeUnretainedValue()
        own.observe?(event(own.ticket))
    }

    private static func text(_ data: UnsafePointer<krb5_data>?) -> String {
        guard let data = data?.pointee, let bytes = data.data else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: Int(data.length)), as: UTF8.self)
    }
}
