/* MIT Kerberos' GSS-API for Swift, and the few things of it that Swift cannot import by itself. */
#ifndef CGSSAPI_H
#define CGSSAPI_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <profile.h>
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

/* The name of a status code in its header, for example KRB5_FCC_NOFILE; NULL for one that has none. */
const char *cgss_kerberos_error_name(int32_t code);

/*
 * The configuration files that the library looks for, in its order, as a list that ends with NULL; release it with
 * cgss_free_configuration_files. NULL where they cannot be told.
 */
char **cgss_configuration_files(void);
void cgss_free_configuration_files(char **files);

#endif
