internal import CKerberosGSSAPI
public import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The clocks of KDCs.
public enum KerberosClock {
    /// How far the clock of the KDC of a principal's realm is ahead of this machine's; negative if it is behind.
    ///
    /// It asks the KDC for a ticket that cannot exist: the refusal carries the KDC's time. No key is
    /// used, so the answer is not authenticated: use it only to inform people. Talks to the KDC, and may block for
    /// as long as the configuration says.
    ///
    /// - Throws: ``/GSSCore/GSSError`` where no KDC answers or the configuration cannot be read.
    public static func offsetOfKDC(for principal: String) throws(GSSError) -> Duration {
        let library = try KerberosLibrary()
        let client = try library.principal(principal)
        let request = try library.make(
            "krb5_init_creds_init", subject: principal, release: { krb5_init_creds_free($0, $1) }
        ) { krb5_init_creds_init(library.context, client, nil, nil, 0, nil, $0) }
        try library.check(
            "krb5_init_creds_set_service",
            krb5_init_creds_set_service(library.context, request, "clock/there-is-no-such-service"))
        let refusal = krb5_init_creds_get(library.context, request)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var answer: UnsafeMutablePointer<krb5_error>?
        guard krb5_init_creds_get_error(library.context, request, &answer) == 0, let answer else {
            try library.check("krb5_init_creds_get", refusal, subject: principal)
            throw GSSError(
                call: "krb5_init_creds_get_error", major: GSSMajorStatus(.failure),
                majorMessages: ["the KDC did not report its time"], subject: principal)
        }
        defer { krb5_free_error(library.context, answer) }
        return .seconds(KerberosLibrary.seconds(answer.pointee.stime) - Int64(now.tv_sec))
            + .microseconds(Int64(answer.pointee.susec)) - .nanoseconds(Int64(now.tv_nsec))
    }

    /// Whether the kernel considers this machine's clock synchronized, as reported by programs such as chrony and
    /// ntpd; `nil` if unknown.
    public static var isSynchronized: Bool? {
        #if os(Linux)
        var clock = timex()
        let state = adjtimex(&clock)
        guard state >= 0 else { return nil }
        return state != TIME_ERROR && clock.status & STA_UNSYNC == 0
        #else
        return nil
        #endif
    }
}
