/// From when on something that works is warned of.
package struct Thresholds: Sendable, Hashable {
    /// A ticket with less time left: it may end within one run of whatever uses it.
    package var ticket = Duration.seconds(600)
    /// A certificate with less time left: whoever renews certificates by hand needs some days for it.
    package var certificate = Duration.seconds(14 * 86_400)
    /// The server's clock differs by more. Kerberos allows 300 s, unless it is configured otherwise.
    package var clock = Duration.seconds(300)

    /// Creates the usual ones.
    package init() {}
}
