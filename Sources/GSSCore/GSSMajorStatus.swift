/// A major status code (RFC 2744 section 3.9.1): a calling error, a routine error and informational bits in one word.
///
/// Errors (``callingError``, ``routineError``) and supplementary information (``information``) have different
/// types, so that they are not confused.
public struct GSSMajorStatus: Sendable, Hashable {
    /// The status word of the C bindings.
    public let rawValue: UInt32

    /// Keeps a status word.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Creates a status that is one routine error.
    public init(_ routineError: RoutineError) {
        rawValue = UInt32(routineError.rawValue) << 16
    }

    /// A wrong call: a bug in the caller. 0 is none.
    public var callingError: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 24) }

    /// The routine error, or `nil`.
    public var routineError: RoutineError? {
        let value = UInt8(truncatingIfNeeded: rawValue >> 16)
        return value == 0 ? nil : RoutineError(rawValue: value)
    }

    /// The supplementary information.
    public var information: Information { Information(rawValue: UInt16(truncatingIfNeeded: rawValue)) }

    /// Whether the call failed.
    public var isError: Bool { rawValue & 0xffff_0000 != 0 }

    /// A routine error (RFC 2744 section 3.9.1, table 2). The set is open.
    public struct RoutineError: Sendable, Hashable {
        /// The number in bits 16 to 23 of the status word.
        public let rawValue: UInt8

        /// Keeps a number.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// `GSS_S_BAD_MECH`
        public static let badMechanism = RoutineError(rawValue: 1)
        /// `GSS_S_BAD_NAME`
        public static let badName = RoutineError(rawValue: 2)
        /// `GSS_S_BAD_NAMETYPE`
        public static let badNameType = RoutineError(rawValue: 3)
        /// `GSS_S_BAD_BINDINGS`
        public static let badBindings = RoutineError(rawValue: 4)
        /// `GSS_S_BAD_STATUS`
        public static let badStatus = RoutineError(rawValue: 5)
        /// `GSS_S_BAD_SIG`, also called `GSS_S_BAD_MIC`
        public static let badSignature = RoutineError(rawValue: 6)
        /// `GSS_S_NO_CRED`
        public static let noCredential = RoutineError(rawValue: 7)
        /// `GSS_S_NO_CONTEXT`
        public static let noContext = RoutineError(rawValue: 8)
        /// `GSS_S_DEFECTIVE_TOKEN`
        public static let defectiveToken = RoutineError(rawValue: 9)
        /// `GSS_S_DEFECTIVE_CREDENTIAL`
        public static let defectiveCredential = RoutineError(rawValue: 10)
        /// `GSS_S_CREDENTIALS_EXPIRED`
        public static let credentialsExpired = RoutineError(rawValue: 11)
        /// `GSS_S_CONTEXT_EXPIRED`
        public static let contextExpired = RoutineError(rawValue: 12)
        /// `GSS_S_FAILURE`: the minor status has the reason.
        public static let failure = RoutineError(rawValue: 13)
        /// `GSS_S_BAD_QOP`
        public static let badQualityOfProtection = RoutineError(rawValue: 14)
        /// `GSS_S_UNAUTHORIZED`
        public static let unauthorized = RoutineError(rawValue: 15)
        /// `GSS_S_UNAVAILABLE`
        public static let unavailable = RoutineError(rawValue: 16)
        /// `GSS_S_DUPLICATE_ELEMENT`
        public static let duplicateElement = RoutineError(rawValue: 17)
        /// `GSS_S_NAME_NOT_MN`
        public static let nameNotMechanismName = RoutineError(rawValue: 18)
    }

    /// Informational bits (RFC 2744 section 3.9.1, table 3).
    public struct Information: OptionSet, Sendable, Hashable {
        /// The low 16 bits of the status word.
        public let rawValue: UInt16

        /// Creates a set from its bits.
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// `GSS_S_CONTINUE_NEEDED`: the context needs another token.
        public static let continueNeeded = Information(rawValue: 1)
        /// `GSS_S_DUPLICATE_TOKEN`: the message is a duplicate of an earlier one.
        public static let duplicateToken = Information(rawValue: 2)
        /// `GSS_S_OLD_TOKEN`: the message is too old to tell whether it is a duplicate.
        public static let oldToken = Information(rawValue: 4)
        /// `GSS_S_UNSEQ_TOKEN`: a later message came before this one.
        public static let unsequencedToken = Information(rawValue: 8)
        /// `GSS_S_GAP_TOKEN`: a message before this one is missing.
        public static let gapToken = Information(rawValue: 16)
    }
}

extension GSSMajorStatus: CustomStringConvertible {
    private static let routineNames = [
        "BAD_MECH", "BAD_NAME", "BAD_NAMETYPE", "BAD_BINDINGS", "BAD_STATUS", "BAD_SIG", "NO_CRED", "NO_CONTEXT",
        "DEFECTIVE_TOKEN", "DEFECTIVE_CREDENTIAL", "CREDENTIALS_EXPIRED", "CONTEXT_EXPIRED", "FAILURE", "BAD_QOP",
        "UNAUTHORIZED", "UNAVAILABLE", "DUPLICATE_ELEMENT", "NAME_NOT_MN",
    ]
    private static let callingNames = [
        "CALL_INACCESSIBLE_READ", "CALL_INACCESSIBLE_WRITE", "CALL_BAD_STRUCTURE",
    ]
    private static let informationNames = [
        "CONTINUE_NEEDED", "DUPLICATE_TOKEN", "OLD_TOKEN", "UNSEQ_TOKEN", "GAP_TOKEN",
    ]

    /// The status by its C names, for example `GSS_S_NO_CRED`.
    public var description: String {
        var parts: [String] = []
        if callingError != 0 {
            parts.append(Self.name(Int(callingError) - 1, in: Self.callingNames))
        }
        if let routineError {
            parts.append(Self.name(Int(routineError.rawValue) - 1, in: Self.routineNames))
        }
        for bit in 0..<16 where information.rawValue & (1 << UInt16(bit)) != 0 {
            parts.append(Self.name(bit, in: Self.informationNames))
        }
        return parts.isEmpty ? "GSS_S_COMPLETE" : parts.joined(separator: " | ")
    }

    private static func name(_ index: Int, in names: [String]) -> String {
        "GSS_S_" + (names.indices.contains(index) ? names[index] : "#\(index + 1)")
    }
}
