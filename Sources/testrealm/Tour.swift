import KerberosTestKit

/// All cases of `demo --break`, one after the other, and a table.
struct Tour: Sendable {
    let format: DemoCommand.Format

    /// The exit status.
    func run() async throws -> Int32 {
        // Without these no case can be shown.
        _ = try Programs.beside("authcheck")
        _ = try TestServer.program()
        var rows: [String] = []
        var (hasFailed, isIncomplete) = (false, false)
        for breakCase in BreakCase.allCases {
            let name = breakCase.rawValue.padded(to: BreakCase.nameWidth)
            do {
                let outcome = try await Demonstration.run(breakCase, format)
                if !outcome.isAsAnnounced(breakCase) { hasFailed = true }
                rows.append(name + said(outcome.broken, breakCase.verdict).padded(to: 28) + fixed(outcome.fixed))
            } catch let error as KerberosTestKitError {
                try Task.checkCancellation()
                isIncomplete = true
                TestRealm.complain("\(breakCase.rawValue): \(error)")
                rows.append("\(name)not shown: \(error.message)")
            }
            say("")
        }
        say("case".padded(to: BreakCase.nameWidth) + "authcheck said".padded(to: 28) + "fixed")
        for row in rows { say(row) }
        return hasFailed ? 1 : isIncomplete ? TestRealm.ownFailure : 0
    }

    private func said(_ status: Int32, _ verdict: BreakCase.Verdict) -> String {
        status == verdict.status ? "\(verdict.name), \(status)" : "NOT \(verdict.name): \(status)"
    }

    private func fixed(_ status: Int32) -> String {
        status == 0 ? "OK" : "NOT: \(status)"
    }

    private func say(_ text: String) {
        format.say(text)
    }
}
