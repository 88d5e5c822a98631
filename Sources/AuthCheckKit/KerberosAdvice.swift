internal import GSSCore
internal import GSSKerberos

/// What a GSS or Kerberos error means for the one who has to mend it.
struct KerberosAdvice: Sendable {
    /// The names that a hint can put into the commands it advises: principals, full names of caches and keytabs. What is
    /// `nil` is a placeholder there.
    struct Names: Sendable, Hashable {
        var user: String?
        var service: String?
        var host: String?
        var cache: String?
        /// Whether that is the cache which `kinit` fills when it is told of none.
        var isDefaultCache = false
        /// Whose tickets the cache has.
        var cacheOwner: String?
        var keytab: String?
        var configurationFile: String?
        /// How far the other side's clock is ahead of this machine's.
        var clockOffset: Duration?
    }

    /// The class of the failure: one of those that call for different actions, else ``FailureClass/kerberos``.
    var `class`: FailureClass
    /// What to do, in a sentence; `nil` where nothing better than the error's own text is known.
    var hint: String?
    /// Whether the failure is about time, so that a clock that is wrong can be behind it.
    var dependsOnClocks: Bool

    /// Reads an error.
    ///
    /// - Parameter names: What is known of who wanted what, for the hint.
    init(_ failure: KerberosFailure, names: Names = Names()) {
        let (error, code) = (failure.error, failure.symbolicName)
        let rule = Self.rules.first { $0.applies(to: error, code) } ?? Self.rule(for: error.major)
        self.class = rule.class
        hint = rule.hint?(KerberosHintWords(error, names))
        dependsOnClocks =
            rule.class == .clockSkew || code == "KRB5KRB_AP_ERR_TKT_EXPIRED" || code == "KRB5KRB_AP_ERR_TKT_NYV"
    }

    /// What to do about clocks that differ.
    ///
    /// - Parameter offset: How far the other side's clock is ahead of this machine's.
    static func hint(forClockOffset offset: Duration) -> String {
        "\(clockSentence(offset)): synchronize this machine (`timedatectl`, `chronyc tracking`) and the other side"
    }

    /// A clause about the other side's clock.
    static func clockSentence(_ offset: Duration) -> String {
        let seconds = Int64((offset / .seconds(1)).rounded())
        guard seconds != 0 else { return "the clocks agree to the second" }
        let size = seconds.magnitude
        let parts = [(size / 86_400, "d"), (size / 3600 % 24, "h"), (size / 60 % 60, "min"), (size % 60, "s")]
        let text = parts.filter { $0.0 != 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
        return "this machine's clock is \(text) \(seconds > 0 ? "behind" : "ahead of") the other side's"
    }
}
