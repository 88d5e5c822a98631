// A name server on 127.0.0.53 that knows no names and says so at once, and one on 127.0.0.54 that never answers.
//
//     names      prints "ready" once it listens
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

static int listen_on(const char *address) {
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, address, &own.sin_addr);
    if (bind(descriptor, (void *)&own, sizeof own)) {
        perror(address);
        return -1;
    }
    return descriptor;
}

int main(void) {
    int quick = listen_on("127.0.0.53"), silent = listen_on("127.0.0.54");
    if (quick < 0 || silent < 0) return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t message[1500];
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        ssize_t count = recvfrom(quick, message, sizeof message, 0, (void *)&peer, &length);
        if (count < 12) continue;
        message[2] |= 0x80;               // an answer
        message[3] = 0x80 | 3;            // recursion available; no such name
        message[10] = message[11] = 0;    // without the question's additional records
        // Only the question: its name ends with an empty label, followed by type and class.
        ssize_t end = 12;
        while (end < count && message[end]) end += message[end] + 1;
        sendto(quick, message, end + 5 <= count ? end + 5 : count, 0, (void *)&peer, length);
    }
}
