import GSSCore
import Testing

/// A context that plays back a script and notes what it was asked.
private final class ScriptedHandle: GSSContextHandle {
    var progress: [Result<GSSContextProgress, GSSError>]
    var inquiry: Result<GSSContextInfo, GSSError>
    private(set) var tokens: [[UInt8]?] = []
    private(set) var calls: [String] = []

    init(
        _ progress: [Result<GSSContextProgress, GSSError>], inquiry: Result<GSSContextInfo, GSSError> = .success(.some)
    ) {
        self.progress = progress
        self.inquiry = inquiry
    }

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        tokens.append(token)
        guard !progress.isEmpty else { throw .scripted("the script is over") }
        return try progress.removeFirst().get()
    }

    func inquire() throws(GSSError) -> GSSContextInfo {
        calls.append("inquire")
        return try inquiry.get()
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        calls.append("wrap \(message) \(confidential)")
        return GSSWrappedMessage(bytes: message + [1], isConfidential: confidential)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        calls.append("unwrap \(message)")
        return GSSUnwrappedMessage(bytes: message + [2], isConfidential: true, information: .oldToken)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        calls.append("limit \(outputLength) \(confidential)")
        return outputLength / 2
    }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        calls.append("mic \(message)")
        return message.reversed()
    }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        calls.append("verify \(code) \(message)")
        guard code == message.reversed() else {
            throw GSSError(call: "verify", major: GSSMajorStatus(.badSignature))
        }
        return .duplicateToken
    }
}

extension GSSError {
    fileprivate static func scripted(_ call: String) -> GSSError {
        GSSError(call: call, major: GSSMajorStatus(.failure), minor: 7)
    }
}

extension GSSContextInfo {
    fileprivate static let some = GSSContextInfo(
        flags: [.mutualAuthentication, .integrity], lifetime: .seconds(60), initiatorName: "ann@R",
        acceptorName: "mongodb/db@R", mechanism: .kerberos5, isInitiator: true)
}

@Suite struct GSSPendingContextTests {
    @Test func anEmptyTokenNeverReachesTheProvider() throws {
        let handle = ScriptedHandle([.success(.init(token: [1], isComplete: true))])
        do {
            _ = try GSSPendingContext(handle).step([])
            Issue.record("the empty token was taken")
        } catch {
            #expect(error.major.routineError == .defectiveToken)
        }
        #expect(handle.tokens.isEmpty)
    }

    /// No token on the first step only: a second step without one would restart the context.
    @Test func tokensGoBothWaysInOrder() throws {
        let handle = ScriptedHandle([
            .success(.init(token: [10], isComplete: false)), .success(.init(token: [11], isComplete: false)),
            .success(.init(token: [12], isComplete: true, flags: .integrity)),
        ])
        var step = try GSSPendingContext(handle).step(nil)
        for expected in [[10], [11]] as [[UInt8]] {
            switch consume step {
            case .pending(let context, let send):
                #expect(send == expected)
                step = try context.step([expected[0] + 90])
            case .established:
                Issue.record("established too early")
                return
            }
        }
        guard case .established(let context, let send) = consume step else {
            Issue.record("never established")
            return
        }
        #expect(send == [12])
        #expect(context.flags == .integrity)
        #expect(handle.tokens == [nil, [100], [101]])
    }

    @Test(arguments: [nil, [], [5]] as [[UInt8]?])
    func noTokenAndAnEmptyOneStayApart(token: [UInt8]?) throws {
        let pending = ScriptedHandle([.success(.init(token: token, isComplete: false))])
        switch try GSSPendingContext(pending).step(nil) {
        case .pending(_, let send): #expect(send == token)
        case .established: Issue.record("established without being complete")
        }
        #expect(pending.calls.isEmpty)
        let complete = ScriptedHandle([.success(.init(token: token, isComplete: true))])
        switch try GSSPendingContext(complete).step(nil) {
        case .pending: Issue.record("complete but pending")
        case .established(_, let send): #expect(send == token)
        }
    }

    /// How a step can fail.
    enum Failure: CaseIterable, Sendable {
        case emptyToken, firstStep, laterStep

        fileprivate var script: ScriptedHandle {
            switch self {
            case .emptyToken: ScriptedHandle([])
            case .firstStep: ScriptedHandle([.failure(.scripted("establish"))])
            case .laterStep:
                ScriptedHandle([.success(.init(token: [1], isComplete: false)), .failure(.scripted("establish"))])
            }
        }

        fileprivate func provoke(_ context: consuming GSSPendingContext) throws(GSSError) {
            switch self {
            case .emptyToken: _ = try context.step([])
            case .firstStep: _ = try context.step(nil)
            case .laterStep:
                if case .pending(let context, _) = try context.step(nil) { _ = try context.step([2]) }
            }
        }
    }

    @Test(arguments: Failure.allCases)
    func aFailedStepReleasesTheHandle(_ failure: Failure) throws {
        weak var released: ScriptedHandle?
        var thrown: GSSError?
        do {
            let handle = failure.script
            released = handle
            let context = GSSPendingContext(handle)
            do throws(GSSError) {
                try failure.provoke(context)
            } catch {
                thrown = error
            }
        }
        #expect(thrown != nil)
        #expect(released == nil)
    }

    @Test func anAbandonedContextReleasesTheHandle() {
        weak var released: ScriptedHandle?
        do {
            let handle = ScriptedHandle([])
            released = handle
            _ = GSSPendingContext(handle)
        }
        #expect(released == nil)
    }
}

@Suite struct GSSEstablishedContextTests {
    private func establish(_ handle: ScriptedHandle) throws -> GSSEstablishedContext {
        handle.progress = [
            .success(.init(token: nil, isComplete: true, flags: [.mutualAuthentication, .integrity]))
        ]
        switch try GSSPendingContext(handle).step(nil) {
        case .established(let context, _): return context
        case .pending: throw GSSError.scripted("pending")
        }
    }

    @Test func callsGoToTheProviderAsTheyAre() throws {
        let handle = ScriptedHandle([])
        let context = try establish(handle)
        #expect(try context.wrap([1], confidential: true) == .init(bytes: [1, 1], isConfidential: true))
        #expect(try context.wrap([2], confidential: false) == .init(bytes: [2, 1], isConfidential: false))
        #expect(try context.unwrap([3]) == .init(bytes: [3, 2], isConfidential: true, information: .oldToken))
        #expect(try context.wrapSizeLimit(outputLength: 100, confidential: true) == 50)
        #expect(try context.messageIntegrityCode(for: [4, 5]) == [5, 4])
        #expect(try context.verify(messageIntegrityCode: [5, 4], for: [4, 5]) == .duplicateToken)
        #expect(
            handle.calls == [
                "wrap [1] true", "wrap [2] false", "unwrap [3]", "limit 100 true", "mic [4, 5]",
                "verify [5, 4] [4, 5]",
            ])
    }

    @Test func aWrongChecksumIsAnError() throws {
        let context = try establish(ScriptedHandle([]))
        let error = #expect(throws: GSSError.self) { try context.verify(messageIntegrityCode: [1], for: [4, 5]) }
        #expect(error?.major.routineError == .badSignature)
    }

    /// What a context gives is known from its last step; everything else costs a call, each time: a lifetime runs down.
    @Test func theProviderIsAskedOnDemandOnly() throws {
        let handle = ScriptedHandle([])
        let context = try establish(handle)
        #expect(context.flags == [.mutualAuthentication, .integrity])
        #expect(handle.calls.isEmpty)
        #expect(try context.info() == .some)
        var info = GSSContextInfo.some
        info.lifetime = nil
        info.initiatorName = "zoe@R"
        handle.inquiry = .success(info)
        #expect(try context.info().lifetime == nil)
        // A provider that has nothing better tells the name from all that it knows.
        #expect(try context.initiatorName() == "zoe@R")
        #expect(handle.calls == ["inquire", "inquire", "inquire"])
        handle.inquiry = .failure(.scripted("inquire"))
        #expect(throws: GSSError.scripted("inquire")) { try context.info() }
        #expect(throws: GSSError.scripted("inquire")) { try context.initiatorName() }
    }

    /// A provider that does not report what it grants has granted nothing.
    @Test func aContextWithoutFlagsGivesNoService() throws {
        #expect(GSSContextProgress(token: nil, isComplete: true).flags.isEmpty)
    }

    @Test func theHandleGoesWithTheContext() throws {
        weak var released: ScriptedHandle?
        do {
            let handle = ScriptedHandle([])
            released = handle
            _ = try establish(handle)
        }
        #expect(released == nil)
    }
}
