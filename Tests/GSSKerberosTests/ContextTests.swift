import GSSCore
import GSSKerberos
import TestSupport
import Testing

/// Both ends of a context over MIT Kerberos.
@Suite struct ContextTests {
    @Test func theSidesAgree() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let flags: GSSContextFlags = [
                .mutualAuthentication, .integrity, .confidentiality, .replayDetection, .sequenceDetection,
            ]
            let (initiator, acceptor) = try fixture.pair(flags)
            for context in [initiator, acceptor] {
                let info = try context.info()
                #expect(info.flags.isSuperset(of: flags), "\(info)")
                #expect(context.flags == info.flags)
                #expect(try context.initiatorName() == fixture.ann)
                #expect(info.flags.isDisjoint(with: [.delegation, .anonymity]), "\(info)")
                #expect(info.initiatorName == fixture.ann, "\(info)")
                // The initiator does not learn the realm that the KDC has found for a host-based service.
                #expect(info.acceptorName.hasPrefix("mongodb/localhost@"), "\(info)")
                #expect(info.mechanism == .kerberos5, "\(info)")
                let lifetime = try #require(info.lifetime, "\(info)")
                #expect(lifetime > .zero, "\(info)")
                #expect(lifetime <= .seconds(7 * 86_400), "\(info)")
                #expect(try #require(try context.info().lifetime) <= lifetime, "\(info)")
            }
            #expect(try acceptor.info().acceptorName == fixture.service)
            #expect(try initiator.info().isInitiator)
            #expect(try !acceptor.info().isInitiator)
        }
    }

    /// One token is all of it; there is nothing for the acceptor to say.
    @Test func withoutMutualAuthenticationTheFlagIsMissing() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            guard case .established(let initiator, let token?) = try fixture.initiator([.integrity]).step(nil) else {
                Issue.record("the initiator waits for a token that nobody will send")
                return
            }
            let (acceptor, proof) = try fixture.accept(token)
            #expect(proof == nil)
            for context in [initiator, acceptor] {
                #expect(!context.flags.contains(.mutualAuthentication))
                #expect(context.flags.contains(.integrity))
            }
        }
    }

    /// RFC 2743 section 3.1: a tag, a length, the mechanism; then RFC 4121's token id of an AP-REQ.
    @Test func theFirstTokenNamesTheMechanism() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            guard case .pending(_, let token?) = try fixture.initiator().step(nil) else {
                Issue.record("no first token, or no need of a second one")
                return
            }
            #expect(token.first == 0x60)
            let mechanism = [0x06, 9] + GSSObjectIdentifier.kerberos5.derContents + [0x01, 0x00]
            #expect(Array(token.dropFirst(4).prefix(mechanism.count)) == mechanism)
        }
    }

    @Test(arguments: [true, false])
    func messagesGoBothWays(confidential: Bool) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, confidential = confidential as Bool] in
            fixture.enter()
            let (initiator, acceptor) = try fixture.pair()
            for (sender, receiver) in [(initiator, acceptor), (acceptor, initiator)] {
                for size in [0, 1, 4, 4096, 1 << 20] {
                    let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                    let wrapped = try sender.wrap(message, confidential: confidential)
                    #expect(wrapped.isConfidential == confidential)
                    #expect(wrapped.bytes.count > size)
                    let unwrapped = try receiver.unwrap(wrapped.bytes)
                    #expect(unwrapped.bytes == message)
                    #expect(unwrapped.isConfidential == confidential)
                    #expect(unwrapped.information.isEmpty)
                }
            }
        }
    }

    /// The text can be read in a message that is only signed, and not in one that is sealed.
    @Test func onlyASealedMessageHidesItsText() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let (initiator, _) = try fixture.pair()
            let message = Array("a message to be found again".utf8)
            for confidential in [true, false] {
                let wrapped = try initiator.wrap(message, confidential: confidential).bytes
                let isVisible = wrapped.indices.contains { wrapped[$0...].starts(with: message) }
                #expect(isVisible != confidential)
            }
        }
    }

    @Test func aMessageThatWasChangedIsRefused() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let (initiator, acceptor) = try fixture.pair()
            for confidential in [true, false] {
                let wrapped = try initiator.wrap(Array("message".utf8), confidential: confidential).bytes
                for index in wrapped.indices {
                    var changed = wrapped
                    changed[index] ^= 0x10
                    let error = #expect(throws: GSSError.self, "byte \(index)") { try acceptor.unwrap(changed) }
                    #expect(error?.call == "gss_unwrap")
                    #expect(error?.major.isError == true)
                }
                for length in 0..<wrapped.count {
                    #expect(throws: GSSError.self, "\(length) bytes") {
                        try acceptor.unwrap(Array(wrapped.prefix(length)))
                    }
                }
                #expect(try acceptor.unwrap(wrapped).bytes == Array("message".utf8))
            }
            // Nor is one's own message taken for the other side's.
            let own = try initiator.wrap([1, 2, 3], confidential: false).bytes
            #expect(throws: GSSError.self) { try initiator.unwrap(own) }
        }
    }

    @Test func replaysAndGapsAreNoted() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            for confidential in [true, false] {
                let (initiator, acceptor) = try fixture.pair([
                    .mutualAuthentication, .integrity, .confidentiality, .replayDetection, .sequenceDetection,
                ])
                let messages = try (0..<3).map { try initiator.wrap([UInt8($0)], confidential: confidential).bytes }
                let expected: [(index: Int, information: GSSMajorStatus.Information)] = [
                    (0, []), (0, .duplicateToken), (2, .gapToken), (1, .unsequencedToken),
                ]
                for (index, information) in expected {
                    do throws(GSSError) {
                        let found = try acceptor.unwrap(messages[index]).information
                        #expect(found == information, "message \(index), sealed: \(confidential): \(found)")
                    } catch {
                        Issue.record("message \(index), sealed: \(confidential): \(error)")
                    }
                }
            }
        }
    }

    /// The C library unwraps in place; a Swift array that was lent to it must not change under its owner.
    @Test func anInputIsNotWrittenTo() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let (initiator, acceptor) = try fixture.pair()
            for confidential in [true, false] {
                let wrapped = try initiator.wrap(Array("message".utf8), confidential: confidential).bytes
                // Byte by byte: an assignment would share what is to be compared.
                let before = wrapped.map { $0 ^ 0xFF }
                _ = try acceptor.unwrap(wrapped)
                #expect(wrapped.map { $0 ^ 0xFF } == before, "sealed: \(confidential)")
            }
        }
    }

    @Test(arguments: [true, false])
    func theSizeLimitIsKept(confidential: Bool) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, confidential = confidential as Bool] in
            fixture.enter()
            let (initiator, acceptor) = try fixture.pair()
            for context in [initiator, acceptor] {
                for outputLength: UInt32 in [128, 255, 256, 4096, 65_536, 1 << 24 - 1] {
                    let limit = try context.wrapSizeLimit(outputLength: outputLength, confidential: confidential)
                    #expect(limit > 0)
                    #expect(limit < outputLength)
                    let message = [UInt8](repeating: 7, count: Int(limit))
                    #expect(try context.wrap(message, confidential: confidential).bytes.count <= Int(outputLength))
                }
                #expect(try context.wrapSizeLimit(outputLength: 0, confidential: confidential) == 0)
            }
        }
    }

    @Test func checksumsGoBothWays() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let (initiator, acceptor) = try fixture.pair()
            for (sender, receiver) in [(initiator, acceptor), (acceptor, initiator)] {
                let message = Array("to be signed".utf8)
                let code = try sender.messageIntegrityCode(for: message)
                #expect(try receiver.verify(messageIntegrityCode: code, for: message).isEmpty)
                let error = #expect(throws: GSSError.self) {
                    try receiver.verify(messageIntegrityCode: code, for: message + [0])
                }
                #expect(error?.call == "gss_verify_mic")
                #expect(error?.major.routineError == .badSignature)
                #expect(throws: GSSError.self) { try receiver.verify(messageIntegrityCode: [], for: message) }
            }
        }
    }

    /// Whatever was changed, the step fails, and what it held is free again: a thousand failures leave nothing.
    @Test func aTokenThatWasChangedIsRefusedAndEverythingReleased() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            func failOnBothSides() throws {
                guard case .pending(let pending, let first?) = try fixture.initiator().step(nil) else {
                    throw TestSupportError("no first token")
                }
                var request = first
                request[request.count - 1] ^= 1
                #expect(throws: GSSError.self) { try fixture.accept(request) }
                var proof = try #require(try fixture.accept(first).proof)
                proof[proof.count - 1] ^= 1
                do throws(GSSError) {
                    _ = try pending.step(proof)
                    Issue.record("the initiator takes a proof that was changed")
                } catch {
                    #expect(error.call == "gss_init_sec_context")
                    #expect(KerberosFailure(error).symbolicName == "KRB5KRB_AP_ERR_BAD_INTEGRITY")
                }
            }
            for _ in 0..<100 { try failOnBothSides() }
            let before = try residentBytes()
            for _ in 0..<1000 { try failOnBothSides() }
            let growth = try residentBytes() - before
            // A context has some KiB, and two fail each time. Swift Testing remembers each error that is thrown.
            #expect(isSanitized || growth < 4 << 20, "\(growth) bytes")
        }
    }

    @Test func anEmptyTokenIsRefused() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let error = #expect(throws: GSSError.self) { try fixture.accept([]) }
            #expect(error?.major.routineError == .defectiveToken)
            guard case .pending(let pending, _) = try fixture.initiator().step(nil) else {
                Issue.record("the initiator wants no token")
                return
            }
            do throws(GSSError) {
                _ = try pending.step([])
                Issue.record("an empty token is taken for a proof")
            } catch {
                #expect(error.major.routineError == .defectiveToken)
            }
        }
    }
}
