import SASL
import SASLSCRAM

// The code of SASLSCRAM's page.

/// What a server stores instead of a password.
func storedKeys(of password: Secret) throws(SaslError) -> ScramStoredKeys {
    try ScramStoredKeys(.sha256, username: "ann", password: password)
}

func scramServer(_ users: [String: ScramStoredKeys]) -> ScramServerMechanism {
    ScramServerMechanism(.sha256) { name in users[name] }
}

func scramClient(_ password: Secret) -> ScramMechanism {
    ScramMechanism(.sha256, username: "ann", password: password)
}
