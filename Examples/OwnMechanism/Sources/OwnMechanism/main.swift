import SASL

// A server offers two mechanisms; this client has one of them, and the policy allows it.
var registry = SaslRegistry()
registry.register(PlainMechanism(username: "ann", password: Secret("secret")))
registry.register(AnonymousMechanism(trace: "ann on her laptop"))

let mechanism = try registry.select(offered: ["PLAIN", "ANONYMOUS"], policy: SaslSelectionPolicy())
var session = try SaslSession(mechanism)
guard case .respond(let response) = try session.step(nil), try session.step(nil) == .done, session.isComplete else {
    throw SaslError(.incomplete, "the exchange did not complete after one message")
}
print("\(mechanism.name): \(String(decoding: response, as: UTF8.self))")
