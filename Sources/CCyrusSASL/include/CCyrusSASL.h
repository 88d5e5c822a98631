/*
 * What Swift cannot use of Cyrus SASL as it stands: callbacks, which are cast to a type without arguments, properties,
 * which are read through untyped pointers, and options, which are asked for by a callback.
 *
 * Strings and buffers that come out belong to the library and live until the next call with the same connection.
 */
#ifndef CCYRUSSASL_H
#define CCYRUSSASL_H

#include <sasl/sasl.h>
#include <stddef.h>

/*
 * Initialises the server side of the library for the application `name`: once per process, from one thread.
 * `keytab` is the value of the GSSAPI plugin's option "keytab", a path without "FILE:"; NULL means that of the Kerberos
 * library. `policy` is the proxy policy of all connections. No configuration file is read, and nothing is sent to syslog.
 */
int ccyrus_server_init(const char *name, const char *keytab, sasl_authorize_t *policy);

/* A new connection of `service`/`host`, with no security layer beneath it and none allowed. */
int ccyrus_server_new(const char *service, const char *host, sasl_conn_t **connection);

/* Frees a connection; NULL is allowed. */
void ccyrus_dispose(sasl_conn_t *connection);

/* The authorization identity of a completed exchange, or NULL. */
const char *ccyrus_authorization_identity(sasl_conn_t *connection);

/* The library's words for the last failure on a connection. */
const char *ccyrus_failure(sasl_conn_t *connection);

/*
 * Writes the full Kerberos principal for `name` to `principal`: the default realm is added if the name has none.
 * Returns the number of bytes, which are not terminated, or -1 if the name is no principal or does not fit.
 */
long ccyrus_full_principal(const char *name, size_t name_length, char *principal, size_t capacity);

#endif
