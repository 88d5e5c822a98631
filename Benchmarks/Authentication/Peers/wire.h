// The parts of BSON and OP_MSG that the benchmark's C programs need. For trusted peers only: it reads our own messages.
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OP_REPLY = 1, OP_QUERY = 2004, OP_MSG = 2013 };

struct bytes {
    uint8_t *data;
    size_t length, capacity;
};

static inline void reserve(struct bytes *b, size_t more) {
    if (b->length + more <= b->capacity) return;
    b->capacity = (b->length + more) * 2 + 256;
    b->data = realloc(b->data, b->capacity);
    if (!b->data) abort();
}

static inline void put(struct bytes *b, const void *data, size_t length) {
    reserve(b, length);
    if (length) memcpy(b->data + b->length, data, length);
    b->length += length;
}

static inline void put_int32(struct bytes *b, int32_t value) { put(b, &value, 4); }
static inline int32_t get_int32(const uint8_t *at) {
    int32_t value;
    memcpy(&value, at, 4);
    return value;
}

static inline void put_key(struct bytes *b, uint8_t type, const char *key) {
    put(b, &type, 1);
    put(b, key, strlen(key) + 1);
}
static inline void field_int32(struct bytes *b, const char *key, int32_t value) {
    put_key(b, 0x10, key);
    put_int32(b, value);
}
static inline void field_double(struct bytes *b, const char *key, double value) {
    put_key(b, 0x01, key);
    put(b, &value, 8);
}
static inline void field_bool(struct bytes *b, const char *key, uint8_t value) {
    put_key(b, 0x08, key);
    put(b, &value, 1);
}
static inline void field_string(struct bytes *b, const char *key, const char *value, size_t length) {
    put_key(b, 0x02, key);
    put_int32(b, (int32_t)length + 1);
    put(b, value, length);
    put(b, "", 1);
}
static inline void field_binary(struct bytes *b, const char *key, const void *value, size_t length) {
    put_key(b, 0x05, key);
    put_int32(b, (int32_t)length);
    put(b, "", 1);
    put(b, value, length);
}

// Begins a message and the document in it. The lengths are filled in by end_message().
static inline size_t begin_message(struct bytes *b, int32_t identifier, int32_t responseTo, int32_t code) {
    size_t start = b->length;
    int32_t header[4] = {0, identifier, responseTo, code};
    put(b, header, sizeof header);
    if (code == OP_MSG) {
        static const uint8_t flagsAndKind[5] = {0};
        put(b, flagsAndKind, 5);
    } else {
        int32_t reply[5] = {8, 0, 0, 0, 1};
        put(b, reply, sizeof reply);
    }
    put_int32(b, 0);
    return start;
}
static inline void end_message(struct bytes *b, size_t start) {
    put(b, "", 1);
    int32_t length = (int32_t)(b->length - start);
    memcpy(b->data + start, &length, 4);
    size_t document = start + (get_int32(b->data + start + 12) == OP_MSG ? 21 : 36);
    int32_t documentLength = (int32_t)(b->length - document);
    memcpy(b->data + document, &documentLength, 4);
}

// Looks up a top-level key of a document; NULL if it is missing, or comes after a type that is unknown here.
static inline const uint8_t *find(const uint8_t *document, const char *key, uint8_t *type) {
    const uint8_t *at = document + 4;
    while (*at) {
        const uint8_t *name = at + 1, *value = name + strlen((const char *)name) + 1;
        if (strcmp((const char *)name, key) == 0) {
            *type = *at;
            return value;
        }
        switch (*at) {
        case 0x01: case 0x09: case 0x11: case 0x12: at = value + 8; break;
        case 0x02: at = value + 4 + get_int32(value); break;
        case 0x03: case 0x04: at = value + get_int32(value); break;
        case 0x05: at = value + 5 + get_int32(value); break;
        case 0x07: at = value + 12; break;
        case 0x08: at = value + 1; break;
        case 0x0A: at = value; break;
        case 0x10: at = value + 4; break;
        default: return NULL;
        }
    }
    return NULL;
}

#endif
