/* MIT Kerberos' GSS-API for Swift, and the few things of it that Swift cannot import by itself. */
#ifndef CGSSAPI_H
#define CGSSAPI_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stddef.h>
#include <stdint.h>

/* Swift imports no constant that is a cast expression. */
static inline OM_uint32 cgss_status_complete(void) { return GSS_S_COMPLETE; }
static inline OM_uint32 cgss_lifetime_indefinite(void) { return GSS_C_INDEFINITE; }
static inline int cgss_status_type_major(void) { return GSS_C_GSS_CODE; }
static inline int cgss_status_type_minor(void) { return GSS_C_MECH_CODE; }
static inline gss_qop_t cgss_default_qop(void) { return GSS_C_QOP_DEFAULT; }

/*
 * Writes the realm that the configuration maps a host to ([domain_realm]), empty where it leaves that to the KDC.
 * Neither follows aliases nor looks up addresses. Returns 0, or a Kerberos error code with its text in `message`.
 */
int32_t cgss_host_realm(
    const char *host, char *realm, size_t realm_capacity, char *message, size_t message_capacity);

#endif
