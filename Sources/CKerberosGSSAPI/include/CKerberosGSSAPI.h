/* MIT Kerberos' GSS-API for Swift, and the few things of it that Swift cannot import by itself. Nothing is decided here. */
#ifndef CKERBEROSGSSAPI_H
#define CKERBEROSGSSAPI_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <profile.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __linux__
/* Whether the kernel takes its clock for synchronized; Swift's module of the C library leaves it out. */
#include <sys/timex.h>
#endif

/* Swift imports no constant that is a cast expression. */
static inline OM_uint32 cgss_status_complete(void) { return GSS_S_COMPLETE; }
static inline OM_uint32 cgss_lifetime_indefinite(void) { return GSS_C_INDEFINITE; }
static inline int cgss_status_type_major(void) { return GSS_C_GSS_CODE; }
static inline int cgss_status_type_minor(void) { return GSS_C_MECH_CODE; }
static inline gss_qop_t cgss_default_qop(void) { return GSS_C_QOP_DEFAULT; }

/* The name of a status code in its header, for example KRB5_FCC_NOFILE; NULL for one that has none. */
const char *cgss_kerberos_error_name(int32_t code);

/* Has a function called when the process exits, after the exit handlers and before the library destroys its mutexes. False
   where that time is over: then it is not called. */
bool cgss_at_end(void (*handler)(void));

/* Exported by libkrb5 for its own programs; its headers do not have them. A list that ends with NULL. */
extern krb5_error_code krb5_get_default_config_files(char ***files);
extern void krb5_free_config_files(char **files);

#endif
