// A mechanism's passwords are of this type, so SASL exports it.
@_exported public import SecretMemory
