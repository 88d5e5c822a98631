import GSSCore
import Testing

@Suite struct GSSMajorStatusTests {
    /// RFC 2744 section 3.9.1, table 2.
    private static let routineErrors: [(UInt8, GSSMajorStatus.RoutineError, String)] = [
        (1, .badMechanism, "GSS_S_BAD_MECH"), (2, .badName, "GSS_S_BAD_NAME"), (3, .badNameType, "GSS_S_BAD_NAMETYPE"),
        (4, .badBindings, "GSS_S_BAD_BINDINGS"), (5, .badStatus, "GSS_S_BAD_STATUS"),
        (6, .badSignature, "GSS_S_BAD_SIG"), (7, .noCredential, "GSS_S_NO_CRED"), (8, .noContext, "GSS_S_NO_CONTEXT"),
        (9, .defectiveToken, "GSS_S_DEFECTIVE_TOKEN"), (10, .defectiveCredential, "GSS_S_DEFECTIVE_CREDENTIAL"),
        (11, .credentialsExpired, "GSS_S_CREDENTIALS_EXPIRED"), (12, .contextExpired, "GSS_S_CONTEXT_EXPIRED"),
        (13, .failure, "GSS_S_FAILURE"), (14, .badQualityOfProtection, "GSS_S_BAD_QOP"),
        (15, .unauthorized, "GSS_S_UNAUTHORIZED"), (16, .unavailable, "GSS_S_UNAVAILABLE"),
        (17, .duplicateElement, "GSS_S_DUPLICATE_ELEMENT"), (18, .nameNotMechanismName, "GSS_S_NAME_NOT_MN"),
    ]

    @Test(arguments: routineErrors)
    func decodesRoutineErrors(number: UInt8, error: GSSMajorStatus.RoutineError, name: String) {
        let status = GSSMajorStatus(rawValue: UInt32(number) << 16)
        #expect(status == GSSMajorStatus(error))
        #expect(status.routineError == error)
        #expect(status.isError)
        #expect(status.callingError == 0)
        #expect(status.information.isEmpty)
        #expect(status.description == name)
    }

    /// Table 1.
    @Test(
        arguments: [
            (1, "GSS_S_CALL_INACCESSIBLE_READ"), (2, "GSS_S_CALL_INACCESSIBLE_WRITE"), (3, "GSS_S_CALL_BAD_STRUCTURE"),
        ] as [(UInt8, String)])
    func callingErrors(number: UInt8, name: String) {
        let status = GSSMajorStatus(rawValue: UInt32(number) << 24)
        #expect(status.callingError == number)
        #expect(status.routineError == nil)
        #expect(status.isError)
        #expect(status.description == name)
    }

    /// Table 3.
    @Test(
        arguments: [
            (1, .continueNeeded, "GSS_S_CONTINUE_NEEDED"), (2, .duplicateToken, "GSS_S_DUPLICATE_TOKEN"),
            (4, .oldToken, "GSS_S_OLD_TOKEN"), (8, .unsequencedToken, "GSS_S_UNSEQ_TOKEN"),
            (16, .gapToken, "GSS_S_GAP_TOKEN"),
        ] as [(UInt32, GSSMajorStatus.Information, String)])
    func informationIsNoError(rawValue: UInt32, information: GSSMajorStatus.Information, name: String) {
        let status = GSSMajorStatus(rawValue: rawValue)
        #expect(status.information == information)
        #expect(!status.isError)
        #expect(status.routineError == nil)
        #expect(status.description == name)
    }

    @Test(
        arguments: [
            (0, "GSS_S_COMPLETE"),
            (0x0007_0001, "GSS_S_NO_CRED | GSS_S_CONTINUE_NEEDED"),
            (
                0x0300_0000 | 0x000d_0000 | 0x12,
                "GSS_S_CALL_BAD_STRUCTURE | GSS_S_FAILURE | GSS_S_DUPLICATE_TOKEN | GSS_S_GAP_TOKEN"
            ),
            (
                0x0000_001f,
                "GSS_S_CONTINUE_NEEDED | GSS_S_DUPLICATE_TOKEN | GSS_S_OLD_TOKEN | GSS_S_UNSEQ_TOKEN | GSS_S_GAP_TOKEN"
            ),
            (0x0013_0000, "GSS_S_#19"),
        ] as [(UInt32, String)])
    func combinations(rawValue: UInt32, text: String) {
        #expect(GSSMajorStatus(rawValue: rawValue).description == text)
    }

    @Test func completeIsNoError() {
        let status = GSSMajorStatus(rawValue: 0)
        #expect(!status.isError)
        #expect(status.routineError == nil)
        #expect(status.information.isEmpty)
    }

    /// Every bit alone and every number of each field: nothing traps, and the three fields make up the word.
    @Test func unknownValuesHaveATextToo() {
        let words = (0..<32).map { UInt32(1) << $0 } + (0...255).flatMap { [$0 << 24, $0 << 16] } + [.max]
        for word in words {
            let status = GSSMajorStatus(rawValue: word)
            #expect(status.description.hasPrefix("GSS_S_"), "\(word)")
            let fields =
                UInt32(status.callingError) << 24 | UInt32(status.routineError?.rawValue ?? 0) << 16
                | UInt32(status.information.rawValue)
            #expect(fields == word)
            #expect(status.isError == (word > 0xffff))
        }
    }
}
