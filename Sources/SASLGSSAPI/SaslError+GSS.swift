internal import GSSCore
internal import SASL

extension SaslError {
    /// Makes a GSS call; its error's text is prefixed with the purpose of the call.
    static func converting<R: ~Copyable>(
        _ call: @autoclosure () throws(GSSError) -> R, _ code: Code, _ purpose: @autoclosure () -> String
    ) throws(SaslError) -> R {
        do {
            return try call()
        } catch {
            throw SaslError(code, "\(purpose()): \(error.message)", underlying: error)
        }
    }
}
