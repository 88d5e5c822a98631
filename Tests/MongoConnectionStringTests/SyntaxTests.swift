import SaslConnectionString
import SecretMemory
import Testing

@Suite("Scheme, user information and database") struct SyntaxTests {
    @Test(
        "refused",
        arguments: [
            ("MONGODB://a", ConnectionStringError.Code.invalidScheme, 0, "scheme"),
            ("mongodb:/a", .invalidScheme, 0, "scheme"),
            (" mongodb://a", .invalidScheme, 0, "scheme"),
            ("mongodb+srv+x://a", .invalidScheme, 0, "scheme"),
            ("mongodb://a/\n", .invalidCharacter, 12, "text"),
            ("mongodb://a/d\u{0}", .invalidCharacter, 13, "text"),
            ("mongodb://u:p@q@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u:p:q@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u%:p@a", .invalidUserInfo, 11, "userinfo"),
            ("mongodb://u:p%4@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u:p q@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u:p#q@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u:p[q@a", .invalidUserInfo, 13, "userinfo"),
            ("mongodb://u:%FF@a", .invalidEncoding, 12, "userinfo"),
            ("mongodb://u:p/q@a", .invalidUserInfo, 15, "userinfo"),
            ("mongodb://u:p?q=1@a", .invalidUserInfo, 17, "userinfo"),
            ("mongodb://a/b/c", .invalidDatabase, 13, "database"),
            ("mongodb://a/b%2Fc", .invalidDatabase, 12, "database"),
            ("mongodb://a/b%5Cc", .invalidDatabase, 12, "database"),
            ("mongodb://a/b%20c", .invalidDatabase, 12, "database"),
            ("mongodb://a/b%22c", .invalidDatabase, 12, "database"),
            ("mongodb://a/$external", .invalidDatabase, 12, "database"),
            ("mongodb://a/b%00c", .invalidDatabase, 12, "database"),
            ("mongodb://a/b%c", .invalidEncoding, 13, "database"),
            ("mongodb://a/?w", .invalidOption, 13, "options"),
            ("mongodb://a/?w=1&=2", .invalidOption, 17, "options"),
            ("mongodb://a/?tls=true;ssl=true", .invalidOption, 22, "options"),
            ("mongodb://a/?appName=%", .invalidEncoding, 21, "options: appName"),
        ]) func refused(_ text: String, _ code: ConnectionStringError.Code, _ offset: Int, _ part: String) throws
    {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(error.code == code)
        #expect(error.offset == offset)
        #expect(error.part == part)
        #expect(error.description.contains("byte \(offset)"))
    }

    @Test(
        "user names and passwords are decoded",
        arguments: [
            ("u:p", "u", "p"),
            ("u", "u", nil),
            ("u:", "u", ""),
            ("a%40B.C:p%3A%2F%3F%23%5B%5D%40%25+", "a@B.C", "p:/?#[]@%+"),
            ("ü:ß", "ü", "ß"),
            ("%C3%BC:%c3%9f", "ü", "ß"),
        ]) func decoded(_ userInfo: String, _ username: String, _ password: String?) throws
    {
        let credential = try #require(try MongoConnectionString(parsing: "mongodb://\(userInfo)@h").credential)
        #expect(credential.username == username)
        #expect(credential.password == password.map { Secret($0) })
    }

    @Test(
        "databases",
        arguments: [
            ("mongodb://a", nil), ("mongodb://a/", nil), ("mongodb://a/?w=1", nil), ("mongodb://a?w=1", nil),
            ("mongodb://a/db", "db"), ("mongodb://a/db%3F?w=1", "db?"), ("mongodb://a/db.c.d", "db.c.d"),
            ("mongodb://a/d%40b", "d@b"), ("mongodb://a/d,b", "d,b"), ("mongodb://a/%64b?", "db"),
        ]) func databases(_ text: String, _ database: String?) throws
    {
        #expect(try MongoConnectionString(parsing: text).database == database)
    }

    @Test("a namespace's database is the default source") func namespaceSource() throws {
        #expect(try MongoConnectionString(parsing: "mongodb://u:p@a/db.coll").credential?.source == "db")
    }
}
