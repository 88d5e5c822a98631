// One import for a driver: passwords and identities are parts of its credentials.
@_exported public import SASL

#if Kerberos
@_exported public import KerberosCredentials
#endif
