import KerberosTestKit

// The code of the articles "Testing with a realm" and "An Active Directory domain" of KerberosTestKit, and of docs/.

func makeRealm() async throws {
    let realm = try await KerberosRealm.start()
    try await realm.addPrincipal("ann", password: "secret")
    try await realm.addPrincipal("mongodb/localhost")
    let keytab = try await realm.makeKeytab(for: ["mongodb/localhost"])
    let cache = try await realm.makeCache("ann", password: "secret")
    // Run the client with realm.environment(cache: cache), the server with realm.environment(keytab: keytab).
    print(realm.environment(cache: cache), realm.environment(keytab: keytab))
    await realm.stop()
}

func makeTwoRealms() async throws {
    let users = try await KerberosRealm.start(.init(realm: "USERS.TEST"))
    let services = try await KerberosRealm.start(
        .init(realm: "SERVICES.TEST", encryptionTypes: ["aes256-cts-hmac-sha384-192"]))
    try await services.trust(users, hosts: ["localhost"])
    try await users.addPrincipals([
        NewPrincipal("ann", password: "secret"), NewPrincipal("eve", password: "secret", traits: [.locked]),
    ])
}

func makeTheKDCFail(_ realm: KerberosRealm) async throws {
    // A KDC that takes requests and answers none.
    try await realm.pause()
    try await realm.resume()
    // Nobody listens.
    try await realm.stopKDC()
    try await realm.restartKDC()
    // The server's keytab is old.
    try await realm.changeKey("mongodb/localhost")
}

func waitForTheTicket(_ realm: KerberosRealm) async throws {
    let event = try await realm.waitForEvent { $0.issued && $0.client == "ann@EXAMPLE.TEST" }
    print(event.server)
}

func makeContainerRealm() async throws {
    let realm = try await KerberosRealm.start(.init(backend: .container(image: "mongo-sasl-kdc")))
    await realm.stop()
}

func makeDomain() async throws {
    let realm = try await KerberosRealm.start(.init(backend: .samba()))
    try await realm.addPrincipals([
        NewPrincipal("ann", password: "secret"), NewPrincipal("front"), NewPrincipal("mongodb/db"),
    ])
    try await realm.addUPNSuffix("mail.example.com")
    // kinit -E
    try await realm.setUserPrincipalName("ann.smith@mail.example.com", of: "ann")
    // Tickets that are too big for UDP.
    try await realm.addGroups((1...200).map { "group-\($0)" }, to: "ann")
    try await realm.addServicePrincipalName("http/front", to: "front")
    try await realm.addServicePrincipalName("mongodb/db", to: "front", allowingDuplicate: true)
    // S4U2Self and S4U2Proxy.
    try await realm.allowDelegation(from: "front", to: ["mongodb/localhost"], anyProtocol: true)
    try await realm.setLockout(after: 3)
}
