// The least that a server can do: one thread, one level-triggered epoll set, recv, find the end of a request, send a
// prepared answer. Only the end of a request is parsed, so the cost is the kernel's share: the limit with which
// script/bench edge compares sale-api.
//
// usage: echo PORT     on 127.0.0.1, until killed
//
// Requests have no body, like those of stampede; a pipeline is answered request by request. The answer is "sold out"
// with exactly the length of sale-api's, so that the client reads it the same way.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 512,     // as in sale-api
    HEAD_MAX = 4096,  // a request of stampede has about 400 bytes
    DESCRIPTORS_MAX = 65536
};

static const char answer[] =
    "HTTP/1.1 409 Conflict\r\n"
    "Date: Thu, 01 Jan 2026 20:00:00 GMT\r\n"
    "X-Request-Id: 0123456789abcdef0123456789abcdef\r\n"
    "Content-Type: application/problem+json\r\n"
    "Content-Length: 154\r\n"
    "\r\n"
    "{\"type\":\"/problems/sold-out\",\"title\":\"Sold out\",\"status\":409,\"detail\":\"Every unit has been sold.\","
    "\"instance\":\"urn:trace:0123456789abcdef0123456789abcdef\"}";
static const ssize_t answer_bytes = sizeof answer - 1;

// The start of an incomplete request of a connection; nearly always empty.
struct held {
    long bytes;
    char head[HEAD_MAX];
};
static struct held *held_of[DESCRIPTORS_MAX];

static void stop(const char *what) {
    perror(what);
    exit(71);
}

// The number of complete requests in these bytes; *rest is the start of the incomplete one.
static int count_requests(const char *bytes, const char *end, const char **rest) {
    int count = 0;
    *rest = bytes;
    for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        // The line that ends here is empty: CR LF after a CR LF.
        if (at - *rest >= 3 && at[-1] == '\r' && at[-2] == '\n') {
            count++;
            *rest = at + 1;
        }
    }
    return count;
}

static void end_connection(int fd) {
    free(held_of[fd]);
    held_of[fd] = NULL;
    close(fd);
}

static void serve(int fd) {
    static char room[65536];
    long before = 0;
    struct held *held = held_of[fd];
    if (held != NULL) {
        before = held->bytes;
        memcpy(room, held->head, (size_t)before);
    }
    ssize_t received = recv(fd, room + before, sizeof room - (size_t)before, 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
        end_connection(fd);
        return;
    }
    const char *rest, *end = room + before + received;
    for (int count = count_requests(room, end, &rest); count > 0; count--) {
        // A client that does not read its answers is disconnected.
        if (send(fd, answer, (size_t)answer_bytes, MSG_NOSIGNAL) != answer_bytes) {
            end_connection(fd);
            return;
        }
    }
    if (rest == end) {
        if (held != NULL) held->bytes = 0;
        return;
    }
    if (held == NULL && end - rest <= HEAD_MAX) held = held_of[fd] = malloc(sizeof *held);
    if (held == NULL || end - rest > HEAD_MAX) {
        end_connection(fd);
        return;
    }
    held->bytes = end - rest;
    memcpy(held->head, rest, (size_t)held->bytes);
}

static void take(int listener, int epoll) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= DESCRIPTORS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) close(fd);
}

int main(int count, char **arguments) {
    int port = count == 2 ? atoi(arguments[1]) : 0;
    if (port <= 0 || port > 65535) {
        fputs("usage: echo PORT\n", stderr);
        return 64;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
        stop("echo: listen");
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listener}}, events[EVENTS];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) stop("echo: epoll");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR) stop("echo: epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                take(listener, epoll);
            else
                serve(events[i].data.fd);
        }
    }
}
