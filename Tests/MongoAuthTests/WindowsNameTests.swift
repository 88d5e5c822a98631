import Testing

@testable import MongoAuth

/// `DOMAIN\user` is no principal, and a backslash in a principal is no such name.
@Suite struct WindowsNameTests {
    @Test(arguments: [("EXAMPLE\\ann", "EXAMPLE", "ann"), ("EX\\\u{E9}va@R", "EX", "\u{E9}va@R"), ("E\\7", "E", "7")])
    func domainAndUser(name: String, domain: String, user: String) throws {
        let parts = try #require(MongoAuthenticator.windowsName(name))
        #expect(parts.domain == domain && parts.user == user)
        let credential = MongoCredential(username: name, method: .gssapi(.init()))
        let error = #expect(throws: MongoAuthError.self) { try MongoAuthenticator.identity(credential, .init()) }
        #expect(error?.code == .invalidCredential)
        #expect(error?.message.contains("write \(user)@REALM") == true)
    }

    @Test(arguments: [
        "ann", "ann@R", "ann\\@corp.example@R", "a\\/b@R", "a\\\\b@R", "a\\ b", "\\ann", "a\\", "a\\b\\c",
    ])
    func principals(name: String) throws {
        #expect(MongoAuthenticator.windowsName(name) == nil)
        let credential = MongoCredential(username: name, method: .gssapi(.init()))
        #expect(try MongoAuthenticator.identity(credential, .init()).user == name)
    }
}
