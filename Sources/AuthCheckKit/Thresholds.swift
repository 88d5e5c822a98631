/// The thresholds of warnings about a success.
package struct Thresholds: Sendable, Hashable {
    /// A ticket with less time left: it may expire during one run of its user.
    package var ticket = Duration.seconds(600)
    /// A certificate with less time left: renewing it by hand may take some days.
    package var certificate = Duration.seconds(14 * 86_400)
    /// The server's clock differs by more. Kerberos allows 300 s by default.
    package var clock = Duration.seconds(300)

    /// Creates the usual ones.
    package init() {}
}
