// The server side of the SASL mechanism GSSAPI (RFC 4752), for layer "none": in memory, without a socket.
#ifndef C_GSS_ACCEPTOR_H
#define C_GSS_ACCEPTOR_H

#include <stddef.h>
#include <stdint.h>

// An acceptor's keys. One for each thread.
struct acceptor_keys;

// One context during its exchange. All zero is a new one.
struct acceptor {
    void *context;
    int stage;
};

enum { ACCEPTOR_FAILED = -1, ACCEPTOR_MORE = 0, ACCEPTOR_DONE = 1 };

// The keys of a keytab file, kept in memory, without a replay cache. Prints a failure and returns NULL.
struct acceptor_keys *acceptor_keys_load(const char *keytab);

// Takes the client's token and returns the answer, valid until the next call with the same `acceptor`.
// Free an answer that is not empty with acceptor_free().
int acceptor_step(
    struct acceptor_keys *keys, struct acceptor *acceptor, const uint8_t *input, size_t length, uint8_t **output,
    size_t *outputLength);

void acceptor_free(uint8_t *output);

// Ends a context; the value can be reused.
void acceptor_reset(struct acceptor *acceptor);

#endif
