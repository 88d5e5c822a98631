/*
 * The system's resolver configuration in a form that Swift can read: the C library keeps it in bit fields, macros and
 * a union of which every system has its own.
 *
 * No header of the system is included here: its types would then belong to this module.
 */
#ifndef CSYSTEMRESOLVER_H
#define CSYSTEMRESOLVER_H

/* More than any system has. */
#define CRESOLV_MAX_SERVERS 8
/* As many as the C library keeps, and as long as a name may be. */
#define CRESOLV_MAX_DOMAINS 6
#define CRESOLV_MAX_NAME 256

struct cresolv_server {
    /* The address, most significant byte first. */
    unsigned char address[16];
    /* 4 or 16. */
    unsigned int address_length;
    /* The interface of a link-local IPv6 address, or 0. */
    unsigned int scope;
    unsigned short port;
};

struct cresolv_configuration {
    /* The name servers in the order in which to ask them. */
    struct cresolv_server servers[CRESOLV_MAX_SERVERS];
    unsigned int server_count;
    /* How long to wait for one server, and how often to ask all of them. */
    int timeout_seconds;
    int attempts;
    /* The options "use-vc" and "rotate". */
    int uses_tcp;
    int rotates;
    /* The domains in which short names are looked for, each as a C string. */
    char domains[CRESOLV_MAX_DOMAINS][CRESOLV_MAX_NAME];
    unsigned int domain_count;
};

/*
 * Reads the configuration anew: resolv.conf and the variables that override it. Returns 0, or -1 when there is none to
 * be had from this C library.
 */
int cresolv_read_configuration(struct cresolv_configuration *configuration);

#endif
