import GSSCore
import GSSKerberos
import Testing

/// The names of codes.
@Suite struct KerberosFailureTests {
    @Test(arguments: [
        (Int32(-1_765_328_189), "KRB5_FCC_NOFILE"), (-1_765_328_243, "KRB5_CC_NOTFOUND"),
        (-1_765_328_377, "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"), (-1_765_328_347, "KRB5KRB_AP_ERR_SKEW"),
        (-1_429_577_697, "PROF_FAIL_INCLUDE_FILE"), (39_756_032, "KG_CCACHE_NOMATCH"), (13, "EACCES"),
    ])
    func codesHaveTheirNames(code: Int32, name: String) {
        let error = GSSError(
            call: "gss_init_sec_context", major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: code))
        #expect(KerberosFailure(error).symbolicName == name)
        #expect(KerberosFailure(error).code == code)
        #expect(KerberosFailure.symbolicName(of: code) == name)
    }

    @Test func aCodeThatNobodyKnowsHasNoName() {
        #expect(KerberosFailure.symbolicName(of: 12345) == nil)
    }
}
