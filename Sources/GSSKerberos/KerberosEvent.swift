internal import CKerberosGSSAPI

/// Receives the events of fetching tickets as they happen, on the thread where they happen: it must be quick.
public typealias KerberosObserver = @Sendable (KerberosEvent) -> Void

/// Something that happened while tickets were fetched.
@nonexhaustive
public enum KerberosEvent: Sendable, Hashable {
    /// A credential cache was read: its full name and its owner.
    case cacheRead(name: String, principal: String)
    /// A request is sent to the KDCs of a realm, which libkrb5 tries one after the other.
    ///
    /// `ticket` is the service whose ticket is finally wanted; `realm` shows the current step towards it. For the
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

    /// The context holds no reference: its owner keeps this object as long as the context.
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
                // 0 would mean that the hook has an answer to replace the failure, and the library aborts without one.
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
