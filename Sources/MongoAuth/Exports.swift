// One import for a driver: credentials have passwords and identities.
@_exported public import SASL

#if Kerberos
@_exported public import KerberosCredentials
#endif
