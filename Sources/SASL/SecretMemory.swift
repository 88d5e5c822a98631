// A mechanism's passwords are of this type, so whoever imports SASL has it.
@_exported public import SecretMemory
